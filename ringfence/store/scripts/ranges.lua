-- Stands behind record.lua in front of the scripts that write: which entries of a list are ranges.
-- A look-up by text finds numbers and prefixes, ranges it does not; kept aside they are found
-- without a walk through millions of entries. The hash beside the list has each range as a field
-- (some may be gone from the list: whoever reads it asks the list), and in ":size" how many entries
-- the list has. Where that is another, somebody has changed the list by hand, and it is no use.
--
-- open_ranges(list)                     before the list is written
-- close_ranges(kept, entries, first, last)   afterwards, with the entries that came in
-- swap_ranges(list, ranges)             a whole new list is there; nil: nobody knows its ranges
-- size_of(key)                          how many entries a list has

local function size_of(key)
  local kind = redis.call('TYPE', key).ok
  if kind == 'set' then return redis.call('SCARD', key) end
  return kind == 'zset' and redis.call('ZCARD', key) or 0
end

local function ranges_key(list)
  return (string.gsub(list, '^(.*)list:([^:]*)$', '%1ranges:%2'))
end

local function open_ranges(list)
  local key, size = ranges_key(list), size_of(list)
  if size == 0 then redis.call('UNLINK', key) end
  -- pcall: a key of a wrong type must not keep lists from being written
  local known = redis.pcall('HGET', key, ':size')
  if type(known) == 'table' then return nil end
  return { key = key, list = list, trusted = size == 0 or known == tostring(size), known = known }
end

local function close_ranges(kept, entries, first, last)
  if not kept then return end
  if not kept.trusted then
    if kept.known then redis.call('HDEL', kept.key, ':size') end
    return
  end
  for i = first, last do
    if string.find(entries[i], '-', 1, true) then redis.call('HSET', kept.key, entries[i], '') end
  end
  local size = size_of(kept.list)
  if size == 0 then
    redis.call('UNLINK', kept.key)
  else
    redis.call('HSET', kept.key, ':size', size)
  end
end

local function swap_ranges(list, ranges)
  local key, size = ranges_key(list), size_of(list)
  redis.call('UNLINK', key)
  if not ranges or size == 0 then return end
  for _, range in ipairs(ranges) do redis.call('HSET', key, range, '') end
  redis.call('HSET', key, ':size', size)
end

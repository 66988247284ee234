-- Changes a number list and what its sources brought in one step: entries go out and come in, or
-- a staged list takes its place. Nothing is written where somebody else was faster.
--
-- KEYS  1 the list  2 the stream of changes  3 the history  4 the hash of the list's sources
--       5... the keys that ARGV names by their place here
-- ARGV  7 MessagePack of a map:
--         name, chunk, named, now, largest_converted   as for list_add
--         version, new_version   of the sources: as they were when this was planned (nil: whatever
--                                it is), and as they are after it
--         look, seen       entries, and the SHA-1 of their scores as they were (nil: whatever)
--         remove           entries
--         add              list of { expiry or "", entries }
--         staged           place of the list that takes the place of the one in force, 0 for none
--         as_of, size      newest announcement and size of the list, as the staged list has them
--         whole            true: the list in force goes as a whole, with staged in its place or not
--         ranges           entries of the staged list that are ranges (nil: nobody knows)
--         op, changed, some   what the history says of that
--         brought          list of { place of the hash, place of the staged one or 0, fields and
--                          values, fields to cut, true: all of it goes }
--         sources          fields and values of KEYS[4]
--         forget           fields of KEYS[4] to cut
-- Returns { "done", how many entries changed, size }, or { "version" }, { "seen" }, { "behind" },
-- { "size" } or { "staged" } for what was not as expected.

local LIST, CHANGES, SOURCES = KEYS[1], KEYS[2], KEYS[4]
local MOST_ANNOUNCED = 100
local what = cmsgpack.unpack(ARGV[7])
local after = last_change(CHANGES)
local book = open_history(KEYS[3])
local kind = redis.call('TYPE', LIST).ok

if kind ~= 'none' and kind ~= 'set' and kind ~= 'zset' then
  return redis.error_reply('WRONGTYPE the list is a ' .. kind)
end
if what.version and (redis.call('HGET', SOURCES, ':version') or '') ~= what.version then
  return { 'version' }
end
if what.seen and redis.sha1hex(table.concat(scores(LIST, kind, what.look), ',')) ~= what.seen then
  return { 'seen' }
end
if what.as_of and what.as_of ~= after then return { 'behind' } end
if what.size and what.size ~= size_of(LIST) then return { 'size' } end
if what.staged > 0 and redis.call('EXISTS', KEYS[what.staged]) == 0 then return { 'staged' } end
for _, each in ipairs(what.brought) do
  if each[2] > 0 and redis.call('EXISTS', KEYS[each[2]]) == 0 then return { 'staged' } end
end

local ranges = open_ranges(LIST)
local expiring = false
for _, group in ipairs(what.add) do expiring = expiring or group[1] ~= '' end
if kind == 'set' and expiring then
  if redis.call('SCARD', LIST) > what.largest_converted then
    return redis.error_reply('TOOLARGE')
  end
  local ttl = redis.call('PTTL', LIST)
  redis.call('ZUNIONSTORE', LIST, 1, LIST, 'WEIGHTS', '+inf')
  if ttl > 0 then redis.call('PEXPIRE', LIST, ttl) end
  kind = 'zset'
end
local sorted = kind == 'zset' or expiring

-- A group of entries in one announcement each is too much where each has an expiry of its own.
local reload = #what.add > MOST_ANNOUNCED
local total = 0

local function tell(op, entries, first, last, expires)
  if reload then return end
  local fields = { 'kind', 'list', 'op', op, 'name', what.name, 'size', size_of(LIST),
                   'entries', table.concat(entries, ',', first, last) }
  if expires then fields[#fields + 1], fields[#fields + 2] = 'expires', expires end
  after = announce(CHANGES, after, common, fields)
end

local function write(op, entries, command, expires)
  local done = 0
  for first = 1, #entries, what.chunk do
    local last, arguments = math.min(first + what.chunk - 1, #entries), {}
    if command == 'ZADD' then
      arguments[1] = 'CH'
      for i = first, last do
        arguments[#arguments + 1] = expires ~= '' and expires or '+inf'
        arguments[#arguments + 1] = entries[i]
      end
    else
      for i = first, last do arguments[#arguments + 1] = entries[i] end
    end
    local changed = redis.call(command, LIST, unpack(arguments))
    if changed > 0 then tell(op, entries, first, last, expires) end
    done = done + changed
  end
  return done
end

local function keep(op, changed, expires, entries)
  if changed == 0 then return end
  total = total + changed
  local some = table.concat(entries, ',', 1, math.min(what.named, #entries))
  record(book, list_change_of(book, op, what.name, changed, size_of(LIST),
    { expires = expires, entries = some }))
  -- what one step records in two parts is not put together with what was there before it
  if book then book.newest = nil end
end

if what.whole then
  local ttl = redis.call('PTTL', LIST)
  local existed = kind ~= 'none'
  if what.staged > 0 then
    redis.call('RENAME', KEYS[what.staged], LIST)
    redis.call('PERSIST', LIST)
    if what.as_of and ttl > 0 then redis.call('PEXPIRE', LIST, ttl) end
  else
    redis.call('UNLINK', LIST)
  end
  swap_ranges(LIST, what.ranges)
  total = what.changed
  if existed or what.staged > 0 then
    announce(CHANGES, after, common, {
      'kind', 'list', 'op', 'reload', 'name', what.name, 'size', size_of(LIST) })
    record(book, list_change_of(book, what.op, what.name, total, size_of(LIST),
      { entries = what.some }))
  end
else
  if sorted then drop_expired(LIST, what.now) end
  local gone = write('remove', what.remove, sorted and 'ZREM' or 'SREM')
  keep('remove', gone, nil, what.remove)
  local added, some, expires = 0, {}, nil
  for _, group in ipairs(what.add) do
    added = added + write('add', group[2], sorted and 'ZADD' or 'SADD', group[1])
    for i = 1, math.min(what.named - #some, #group[2]) do some[#some + 1] = group[2][i] end
    expires = #what.add == 1 and group[1] or nil
  end
  for _, group in ipairs(what.add) do
    close_ranges(ranges, group[2], 1, #group[2])
  end
  if #what.add == 0 then close_ranges(ranges, {}, 1, 0) end
  keep('add', added, expires, some)
  if reload and total > 0 then
    announce(CHANGES, after, common, {
      'kind', 'list', 'op', 'reload', 'name', what.name, 'size', size_of(LIST) })
  end
end
close_history(book)

for _, each in ipairs(what.brought) do
  local key = KEYS[each[1]]
  if each[5] then
    redis.call('UNLINK', key)
  elseif each[2] > 0 then
    redis.call('RENAME', KEYS[each[2]], key)
    redis.call('PERSIST', key)
  else
    local function in_parts(command, list)
      for first = 1, #list, what.chunk do
        redis.call(command, key, unpack(list, first, math.min(first + what.chunk - 1, #list)))
      end
    end
    in_parts('HSET', each[3])
    in_parts('HDEL', each[4])
  end
end
for i = 1, #what.sources, 2 do
  redis.call('HSET', SOURCES, what.sources[i], what.sources[i + 1])
end
for _, field in ipairs(what.forget) do redis.call('HDEL', SOURCES, field) end
if what.new_version == '' then
  redis.call('UNLINK', SOURCES)
else
  redis.call('HSET', SOURCES, ':version', what.new_version)
end
return { 'done', total, size_of(LIST) }

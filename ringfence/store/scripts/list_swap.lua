-- Puts a staged list in the place of the one in force, or removes it where nothing is staged.
-- Mirrors are told to read it as a whole.
--
-- KEYS  1 the list  2 the stream of changes  3 the staged list
-- ARGV  1 who  2 at  3 maxlen  4 the list's name
-- Returns { how many the old list had, how many the new one has }.

local common = { who = ARGV[1], at = ARGV[2], maxlen = ARGV[3] }
local after = last_change(KEYS[2])

local function size(key)
  local kind = redis.call('TYPE', key).ok
  if kind == 'set' then return redis.call('SCARD', key) end
  return kind == 'zset' and redis.call('ZCARD', key) or 0
end

local old = size(KEYS[1])
local existed = redis.call('EXISTS', KEYS[1])
if redis.call('EXISTS', KEYS[3]) == 1 then
  redis.call('RENAME', KEYS[3], KEYS[1])
  redis.call('PERSIST', KEYS[1])
elseif existed == 1 then
  -- A large one is freed in the background.
  redis.call('UNLINK', KEYS[1])
else
  return { 0, 0 }
end
local new = size(KEYS[1])
announce(KEYS[2], after, common, { 'kind', 'list', 'op', 'reload', 'name', ARGV[4], 'size', new })
return { old, new }

-- What a list is at one moment of the stream of changes.
--
-- KEYS  1 the list  2 the stream of changes
-- Returns { id of the newest announcement or "0-0", type of the list, how many entries }.

-- pcall: where the stream has a wrong type, lists are read all the same
local newest = redis.pcall('XREVRANGE', KEYS[2], '+', '-', 'COUNT', 1)
local kind, size = redis.call('TYPE', KEYS[1]).ok, 0
if kind == 'set' then size = redis.call('SCARD', KEYS[1]) end
if kind == 'zset' then size = redis.call('ZCARD', KEYS[1]) end
return { newest[1] and newest[1][1] or '0-0', kind, size }

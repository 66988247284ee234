-- Keeps which entries of a list are ranges, as somebody found who has looked at all of them.
--
-- KEYS  1 the list  2 the hash of its ranges
-- ARGV  1 how many entries the list had  2... the ranges
-- Returns 1, or 0 where the list has changed meanwhile.

local kind, size = redis.call('TYPE', KEYS[1]).ok, 0
if kind == 'set' then size = redis.call('SCARD', KEYS[1]) end
if kind == 'zset' then size = redis.call('ZCARD', KEYS[1]) end
if tostring(size) ~= ARGV[1] then return 0 end
redis.call('UNLINK', KEYS[2])
for i = 2, #ARGV do redis.call('HSET', KEYS[2], ARGV[i], '') end
redis.call('HSET', KEYS[2], ':size', size)
return 1

-- What a number list has of some entries, at one moment.
--
-- KEYS  1 the list  2 the hash of its sources
-- ARGV  7 the entries, as MessagePack
-- Returns { version of the sources ("" for none), type of the list, its size,
--           { expiry, or "inf" in a set, or nil, for each entry } }.

local kind, size = redis.call('TYPE', KEYS[1]).ok, 0
if kind == 'set' then size = redis.call('SCARD', KEYS[1]) end
if kind == 'zset' then size = redis.call('ZCARD', KEYS[1]) end
return { redis.call('HGET', KEYS[2], ':version') or '', kind, size,
         scores(KEYS[1], kind, cmsgpack.unpack(ARGV[7])) }

-- Reads some fields of a hash, and says when: what was read later is newer.
--
-- KEYS  1 the hash
-- ARGV  1... the fields
-- Returns { time in microseconds (0 for a user who may not ask for it), values as from HMGET }.

local now = redis.pcall('TIME')
return { now[2] and now[1] * 1000000 + now[2] or 0, redis.call('HMGET', KEYS[1], unpack(ARGV)) }

-- Whose turn it is to refresh feeds: takes it, keeps it for longer, or gives it back.
--
-- KEYS  1 the turn
-- ARGV  7 a name that nobody else has  8 milliseconds for which it is taken, "0" to give it back
-- Returns 1, or 0 where somebody else has it.

local holder = redis.call('HGET', KEYS[1], 'holder')
if holder and holder ~= ARGV[7] then return 0 end
if ARGV[8] == '0' then
  redis.call('UNLINK', KEYS[1])
else
  redis.call('HSET', KEYS[1], 'holder', ARGV[7])
  redis.call('PEXPIRE', KEYS[1], ARGV[8])
end
return 1

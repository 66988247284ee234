-- Adds what a worker has counted to the hits of rules, each batch once.
--
-- A worker that lost the reply cannot know whether this ran, so it sends the same batch with the
-- same number again: a number that is not new is skipped.
--
-- KEYS  1 the hash of hits  2 the worker's hash, which has its last number
-- ARGV  1 number of the batch  2 how many seconds KEYS[2] is kept  3 now
--       4 JSON: { rule: [hits, would_hits, last_hit, last_would_hit], ... }
-- Returns 1, or 0 where the batch was in already.

local function amount(value)
  local number = tonumber(value) or 0
  -- also not: NaN, and what somebody wrote by hand and JSON could not say again
  return (number > 0 and number < 2 ^ 53) and number or 0
end

local function read(text)
  local good, found = pcall(cjson.decode, text or '{}')
  return (good and type(found) == 'table') and found or {}
end

if amount(redis.call('HGET', KEYS[2], 'last')) >= tonumber(ARGV[1]) then return 0 end

if not redis.call('HGET', KEYS[1], '(counting)') then
  redis.call('HSET', KEYS[1], '(counting)', string.format('{"since":%.0f}', ARGV[3]))
end
for rule, new in pairs(cjson.decode(ARGV[4])) do
  local old = read(redis.call('HGET', KEYS[1], rule))
  redis.call('HSET', KEYS[1], rule, string.format(
    '{"hits":%.0f,"would_hits":%.0f,"last_hit":%.3f,"last_would_hit":%.3f}',
    amount(old.hits) + new[1],
    amount(old.would_hits) + new[2],
    math.max(amount(old.last_hit), new[3]),
    math.max(amount(old.last_would_hit), new[4])
  ))
end
redis.call('HSET', KEYS[2], 'last', ARGV[1])
redis.call('EXPIRE', KEYS[2], ARGV[2])
return 1

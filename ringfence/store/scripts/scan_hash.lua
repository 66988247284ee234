-- Reads a part of a hash, and says when; a value or an id that is too large comes as its size alone, so that
-- 100 MB written by mistake never travel.
--
-- KEYS  1 the hash
-- ARGV  1 cursor  2 how many fields, about  3 the largest value in bytes  4 the longest id
-- Returns { next cursor, time in microseconds (0 for a user who may not ask for it),
--           { id, value or "", size of the value, id, ... } }.

local most, longest = tonumber(ARGV[3]), tonumber(ARGV[4])
local page = redis.call('HSCAN', KEYS[1], ARGV[1], 'COUNT', ARGV[2])
local found, fields = {}, page[2]
for i = 1, #fields, 2 do
  local id, value = fields[i], fields[i + 1]
  found[#found + 1] = #id <= longest and id or string.sub(id, 1, longest)
  found[#found + 1] = (#value <= most and #id <= longest) and value or ''
  found[#found + 1] = #value
end
local now = redis.pcall('TIME')
return { page[1], now[2] and now[1] * 1000000 + now[2] or 0, found }

-- Looks through a part of the history, newest first, for the changes of one kind and of some ids.
-- A change may be two hundred bytes or two hundred thousand, so a part is bounded in both.
--
-- KEYS  1 the history
-- ARGV  1 where to begin: "+", or "(" and an id  2 how many to look at  3 how many to find
--       4 kind, "" for any  5... ids; none: any
-- Returns { where to go on, "" at the end; id, fields, id, fields, ... }.

local AT_ONCE, MOST_BYTES = 10, 1000000
local where, looked, bytes = ARGV[1], 0, 0
local most, kind, wanted = tonumber(ARGV[3]), ARGV[4], {}
for i = 5, #ARGV do wanted[ARGV[i]] = true end
local found = { '' }

while true do
  local page = redis.call('XREVRANGE', KEYS[1], where, '-', 'COUNT', AT_ONCE)
  for _, entry in ipairs(page) do
    local of, id
    for i = 1, #entry[2], 2 do
      bytes = bytes + #entry[2][i + 1]
      if entry[2][i] == 'kind' then of = entry[2][i + 1] end
      if entry[2][i] == 'id' then id = entry[2][i + 1] end
    end
    if (kind == '' or of == kind) and (#ARGV < 5 or wanted[id]) then
      found[#found + 1] = entry[1]
      found[#found + 1] = entry[2]
      if #found > 2 * most then
        found[1] = '(' .. entry[1]
        return found
      end
    end
  end
  if #page < AT_ONCE then return found end
  where, looked = '(' .. page[#page][1], looked + #page
  if looked >= tonumber(ARGV[2]) or bytes > MOST_BYTES then
    found[1] = where
    return found
  end
end

-- Looks through a part of the history, newest first, for the changes of one kind and of some ids.
--
-- KEYS  1 the history
-- ARGV  1 where to begin: "+", or "(" and an id  2 how many to look at  3 how many to find
--       4 kind, "" for any  5... ids; none: any
-- Returns { where to go on, "" at the end; id, fields, id, fields, ... }.

local most, kind, wanted = tonumber(ARGV[3]), ARGV[4], {}
for i = 5, #ARGV do wanted[ARGV[i]] = true end
local page = redis.call('XREVRANGE', KEYS[1], ARGV[1], '-', 'COUNT', ARGV[2])
local found = { '' }

for _, entry in ipairs(page) do
  local of, id
  for i = 1, #entry[2], 2 do
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
if #page == tonumber(ARGV[2]) then found[1] = '(' .. page[#page][1] end
return found

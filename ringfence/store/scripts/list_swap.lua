-- Puts a staged list in the place of the one in force, or removes it where nothing is staged.
-- Mirrors are told to read it as a whole.
--
-- KEYS  1 the list  2 the stream of changes  3 the history  4 the staged list
-- ARGV  7 the list's name  8 some of the entries, for the history, joined by commas
-- Returns { how many the old list had, how many the new one has }.

local after = last_change(KEYS[2])
local book = open_history(KEYS[3])

local old, op = size_of(KEYS[1]), 'replace'
local existed = redis.call('EXISTS', KEYS[1])
if redis.call('EXISTS', KEYS[4]) == 1 then
  redis.call('RENAME', KEYS[4], KEYS[1])
  redis.call('PERSIST', KEYS[1])
elseif existed == 1 then
  -- A large one is freed in the background.
  redis.call('UNLINK', KEYS[1])
  op = 'remove-all'
else
  return { 0, 0 }
end
swap_ranges(KEYS[1], nil)
local new = size_of(KEYS[1])
announce(KEYS[2], after, common, { 'kind', 'list', 'op', 'reload', 'name', ARGV[7], 'size', new })
record(book, list_change_of(book, op, ARGV[7], old, new, { entries = ARGV[8] }))
close_history(book)
return { old, new }

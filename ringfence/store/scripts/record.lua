-- Stands behind announce.lua in front of the scripts that write: how a change gets into the
-- history, in the step that makes it.
--
-- open_history(key)           reads what must be known, before anything is written: where the key
--                             has a wrong type, it is here that a script ends
-- record(book, fields)        fields: flat list of names and values
-- close_history(book)         lets go of the oldest, once, when all is recorded
-- change_of(kind, op, id, before, after)   the fields of a rule, a trunk or a callee that changes;
--                             before, after: its text in Redis, false where there is none
-- list_change_of(book, op, name, changed, size, more)   the fields of a list that changes
--                             more: expires, entries (some of them, joined by commas)

-- More than a rule may have: written by hand and by mistake, and never kept twice.
local MOST_KEPT = 65536
-- An entry's own id, names and time.
local OVERHEAD = 100

local function value_in(entry, name)
  for i = 1, #entry[2], 2 do
    if entry[2][i] == name then return entry[2][i + 1] end
  end
end

-- Each entry says how many bytes have been written up to it and with it, so that a look at the
-- newest and at the oldest tells how many are kept.
local function written(entry)
  local bytes = tonumber(value_in(entry, 'written') or '0') or 0
  -- a hand may have written anything, nan too
  return bytes >= 0 and bytes < 1e15 and bytes or 0
end

local function open_history(key)
  if ARGV[4] == '' then return nil end
  local newest = redis.call('XREVRANGE', key, '+', '-', 'COUNT', 1)[1]
  return { key = key, told = cjson.decode(ARGV[4]), newest = newest,
           written = newest and written(newest) or 0 }
end

local function record(book, fields)
  if not book then return end
  local all = { 'who', common.who, 'at', string.format('%.0f', tonumber(common.at) * 1000) }
  for _, part in ipairs(fields) do all[#all + 1] = part end
  for _, part in ipairs(book.told) do all[#all + 1] = part end
  local size = OVERHEAD
  for i = 2, #all, 2 do size = size + #tostring(all[i]) end
  book.written = book.written + size
  all[#all + 1] = 'written'
  all[#all + 1] = string.format('%.0f', book.written)
  redis.call('XADD', book.key, 'MAXLEN', '~', ARGV[5], '*', unpack(all))
end

local function close_history(book)
  if not book then return end
  local most, few = tonumber(ARGV[6]), 1
  while true do
    local oldest = redis.call('XRANGE', book.key, '-', '+', 'COUNT', few)
    if #oldest == 0 or book.written - written(oldest[1]) <= most then return end
    if few > 1 then
      local first = #oldest
      for i = #oldest, 1, -1 do
        if book.written - written(oldest[i]) <= most then first = i end
      end
      -- pcall: to an account that may not XTRIM, the bound in number is left
      local trimmed = redis.pcall('XTRIM', book.key, 'MINID', oldest[first][1])
      if type(trimmed) == 'table' or trimmed == 0 then return end
    end
    few = 20
  end
end

local function change_of(kind, op, id, before, after)
  local fields = { 'kind', kind, 'op', op, 'id', id }
  local function keep(name, text)
    if not text then return end
    local long = #text > MOST_KEPT
    fields[#fields + 1] = long and name .. '_bytes' or name
    fields[#fields + 1] = long and tostring(#text) or text
  end
  keep('before', before)
  keep('after', after)
  return fields
end

-- Several steps of one list change (an import in batches) are one entry, as long as nobody else
-- comes between: what the entry before says is added to, and it goes.
local function list_change_of(book, op, name, changed, size, more)
  if not book then return {} end
  local mine, entries = value_in({ '', book.told }, 'change'), more.entries
  local last = book.newest
  if mine and last and value_in(last, 'change') == mine and value_in(last, 'op') == op
      and value_in(last, 'id') == name
      -- pcall: an account that may not XDEL has an entry a step, and its change all the same
      and redis.pcall('XDEL', book.key, last[1]) == 1 then
    changed = changed + (tonumber(value_in(last, 'changed')) or 0)
    entries = value_in(last, 'entries') or entries
  end
  local fields = { 'kind', 'list', 'op', op, 'id', name, 'changed', changed, 'size', size }
  for _, field in ipairs({ { 'expires', more.expires }, { 'entries', entries } }) do
    if field[2] and field[2] ~= '' then
      fields[#fields + 1], fields[#fields + 2] = field[1], field[2]
    end
  end
  return fields
end

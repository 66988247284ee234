-- Stands in front of every other script here: what all of them are told, and how a change is
-- announced to the mirrors.
--
-- ARGV of all of them begin with
--       1 who  2 at, in Unix seconds  3 announcements to keep, about
--       4 what the history is told besides, as flat JSON list of names and values; "" where the
--         change is left out of the history
--       5 changes that the history keeps, about  6 bytes that it keeps
--
-- last_change(changes)            the id of the newest announcement, "0-0" where there is none
-- announce(changes, after, common, fields)
--   changes   the stream's key
--   after     what last_change said: a mirror that is not at this id has missed something
--   fields    flat list of names and values
--   returns the new announcement's id

local common = { who = ARGV[1], at = ARGV[2], maxlen = ARGV[3] }

local function last_change(changes)
  local newest = redis.call('XREVRANGE', changes, '+', '-', 'COUNT', 1)
  return newest[1] and newest[1][1] or '0-0'
end

local function announce(changes, after, common, fields)
  return redis.call('XADD', changes, 'MAXLEN', '~', common.maxlen, '*',
    'after', after, 'who', common.who, 'at', common.at, unpack(fields))
end

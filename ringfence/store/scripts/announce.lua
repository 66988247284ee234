-- Stands in front of every other script here: how a change is announced to the mirrors.
--
-- last_change(changes)            the id of the newest announcement, "0-0" where there is none
-- announce(changes, after, common, fields)
--   changes   the stream's key
--   after     what last_change said: a mirror that is not at this id has missed something
--   common    { who, at, maxlen }
--   fields    flat list of names and values
--   returns the new announcement's id

local function last_change(changes)
  local newest = redis.call('XREVRANGE', changes, '+', '-', 'COUNT', 1)
  return newest[1] and newest[1][1] or '0-0'
end

local function announce(changes, after, common, fields)
  return redis.call('XADD', changes, 'MAXLEN', '~', common.maxlen, '*',
    'after', after, 'who', common.who, 'at', common.at, unpack(fields))
end

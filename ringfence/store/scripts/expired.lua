-- Stands behind ranges.lua in front of the scripts that write: lets go of entries that have run out.
-- They match no call any more, so there is no haste: a list of millions that all run out in one
-- moment goes in parts, as Redis serves nobody meanwhile.
--
-- drop_expired(list, now)   of a sorted set; now in Unix seconds

local EXPIRED_AT_ONCE = 10000

local function drop_expired(list, now)
  local gone = redis.call('ZCOUNT', list, '-inf', now)
  if gone > 0 then
    redis.call('ZREMRANGEBYRANK', list, 0, math.min(gone, EXPIRED_AT_ONCE) - 1)
  end
end

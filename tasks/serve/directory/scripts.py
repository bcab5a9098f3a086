"""What the directory does inside Redis: each script is one atomic step, by the server's own clock.

The idea: a restarted server, or a replica that took over, may have forgotten the last leases or remember
older ones. It is known by its run id: from its start, or from its first call after it took over, it waits for
one lease before it grants what no node has told it of since. Whoever held something has told of it by then,
or its lease is over.

Of a tenant there are, under one hash tag: `until` (a sorted set: when each lease is over, in ms), `node`,
`fence` and `bytes` (hashes by context), and `epoch` (the server's run id, from when on it knows, the last
fence).
"""

_KEYS = """
local UNTIL, NODE, FENCE, BYTES, EPOCH = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
"""

_TIME = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local function whole(number) return string.format('%.0f', number) end
"""

_SINCE = """
local function since()  -- from when on this server has heard all that was told of the tenant
  local info = redis.call('INFO', 'server')
  local run = string.match(info, 'run_id:(%w+)')
  local known = redis.call('HMGET', EPOCH, 'run', 'since')
  if known[1] == run then return tonumber(known[2]) end
  local began = now
  if not known[1] then  -- a new tenant, or all was lost at the start; the uptime's seconds are rounded
    local up = tonumber(string.match(info, 'uptime_in_seconds:(%d+)'))
    began = now - 1000 * math.max(0, up - 1)
  end
  redis.call('HSET', EPOCH, 'run', run, 'since', whole(began))
  return began
end
"""

_USAGE = """
local function usage(sum_bytes)  -- contexts and bytes under leases that are not over
  local bytes = 0
  if sum_bytes then
    for _, key in ipairs(redis.call('ZRANGEBYSCORE', UNTIL, '(' .. whole(now), '+inf')) do
      bytes = bytes + tonumber(redis.call('HGET', BYTES, key) or 0)
    end
  end
  return redis.call('ZCOUNT', UNTIL, '(' .. whole(now), '+inf'), bytes
end
"""

_FORGET = """
local function forget(key)
  redis.call('ZREM', UNTIL, key)
  for _, field in ipairs({NODE, FENCE, BYTES}) do redis.call('HDEL', field, key) end
end
"""

CLAIM = (
    _KEYS
    + _TIME
    + _SINCE
    + _USAGE
    + _FORGET
    + """
-- ARGV: context, node, lease ms, quota contexts, quota bytes, ms that leases are remembered
-- gives {'granted', fence}, {'held', node, ms left}, {'recovering', ms left}, {'contexts' or 'bytes', used}
local key, node, lease = ARGV[1], ARGV[2], tonumber(ARGV[3])
local limits = {contexts = tonumber(ARGV[4]), bytes = tonumber(ARGV[5])}
for _, old in ipairs(redis.call('ZRANGEBYSCORE', UNTIL, '-inf', whole(now - ARGV[6]), 'LIMIT', 0, 100)) do
  forget(old)
end
local over = tonumber(redis.call('ZSCORE', UNTIL, key) or 0)
local alive = over > now
local holder = redis.call('HGET', NODE, key)
if alive and holder ~= node then return {'held', holder, whole(over - now)} end
local known = since() + lease
if now < known and over < known then return {'recovering', whole(known - now)} end
if not alive then
  local used = {}
  used.contexts, used.bytes = usage(limits.bytes > 0)
  for _, what in ipairs({'contexts', 'bytes'}) do
    if limits[what] > 0 and used[what] >= limits[what] then return {what, whole(used[what])} end
  end
end
local last = tonumber(redis.call('HGET', EPOCH, 'fence') or 0)
local fence = whole(math.max(last + 1, time[1] * 1000000 + time[2]))
redis.call('HSET', EPOCH, 'fence', fence)
redis.call('ZADD', UNTIL, whole(now + lease), key)
redis.call('HSET', NODE, key, node)
redis.call('HSET', FENCE, key, fence)
if not alive then redis.call('HSET', BYTES, key, 0) end
return {'granted', fence}
"""
)

RENEW = (
    _KEYS
    + _TIME
    + _SINCE
    + """
-- ARGV: node, lease ms, then of each holding: context, fence, bytes, 1 where its lease was over before
-- gives the contexts that are no longer the node's
local node, lease, lost = ARGV[1], tonumber(ARGV[2]), {}
local recovering = now < since() + lease
local last = tonumber(redis.call('HGET', EPOCH, 'fence') or 0)
for i = 3, #ARGV, 4 do
  local key, fence = ARGV[i], tonumber(ARGV[i + 1])
  local known = tonumber(redis.call('HGET', FENCE, key) or 0)
  local told_anew = recovering and ARGV[i + 3] == '0' and fence > known
  if told_anew or (fence == known and redis.call('HGET', NODE, key) == node) then
    redis.call('ZADD', UNTIL, whole(now + lease), key)
    redis.call('HSET', NODE, key, node)
    redis.call('HSET', FENCE, key, whole(fence))
    redis.call('HSET', BYTES, key, ARGV[i + 2])
    last = math.max(last, fence)
  else
    lost[#lost + 1] = key
  end
end
redis.call('HSET', EPOCH, 'fence', whole(last))
return lost
"""
)

HOLDER = (
    _KEYS
    + _TIME
    + """
if tonumber(redis.call('ZSCORE', UNTIL, ARGV[1]) or 0) > now then return redis.call('HGET', NODE, ARGV[1]) end
return false
"""
)

RELEASE = (
    _KEYS
    + _FORGET
    + """
if redis.call('HGET', NODE, ARGV[1]) == ARGV[2] then forget(ARGV[1]) end
"""
)

USAGE = (
    _KEYS
    + _TIME
    + _USAGE
    + """
local contexts, bytes = usage(true)
return {contexts, whole(bytes)}
"""
)

BEAT = (
    _TIME
    + """
-- KEYS: until, load, held (of all nodes); ARGV: node, lease ms, load, holdings, ms that nodes are remembered
for _, old in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', whole(now - ARGV[5]))) do
  for _, key in ipairs(KEYS) do redis.call(key == KEYS[1] and 'ZREM' or 'HDEL', key, old) end
end
redis.call('ZADD', KEYS[1], whole(now + ARGV[2]), ARGV[1])
redis.call('HSET', KEYS[2], ARGV[1], ARGV[3])
redis.call('HSET', KEYS[3], ARGV[1], ARGV[4])
"""
)

NODES = (
    _TIME
    + """
-- KEYS: until, load, held; gives node, load, node, load ... of those that live
local found = {}
for _, node in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. whole(now), '+inf')) do
  found[#found + 1] = node
  found[#found + 1] = redis.call('HGET', KEYS[2], node)
end
return found
"""
)

HELD = (
    _TIME
    + """
-- KEYS: until, load, held; ARGV: node; gives what it holds, if it lives
if tonumber(redis.call('ZSCORE', KEYS[1], ARGV[1]) or 0) > now then
  return redis.call('HGET', KEYS[3], ARGV[1])
end
return false
"""
)

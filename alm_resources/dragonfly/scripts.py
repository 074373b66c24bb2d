"""Lua scripts. DragonflyDB refuses undeclared keys: every key is passed in KEYS."""

# KEYS lease, fence; ARGV holder, ttl ms. The fence number rises with every new holder.
ACQUIRE_LEASE = """
if redis.call('EXISTS', KEYS[1]) == 1 then
  return 0
end
local fence = redis.call('INCR', KEYS[2])
redis.call('SET', KEYS[1], ARGV[1] .. ':' .. fence, 'PX', ARGV[2])
return fence
"""

# KEYS lease; ARGV token, ttl ms.
RENEW_LEASE = """
if redis.call('GET', KEYS[1]) == ARGV[1] then
  return redis.call('PEXPIRE', KEYS[1], ARGV[2])
end
return 0
"""

# KEYS lease; ARGV token.
RELEASE_LEASE = """
if redis.call('GET', KEYS[1]) == ARGV[1] then
  return redis.call('DEL', KEYS[1])
end
return 0
"""

# KEYS budget; ARGV capacity, calls per ms, ttl ms. Returns ms to wait, 0 if a call was granted. The server's clock is
# the only one, so hosts need not agree on the time.
TAKE_CALL = """
local capacity, per_ms = tonumber(ARGV[1]), tonumber(ARGV[2])
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local stored = redis.call('HMGET', KEYS[1], 'tokens', 'at_ms')
local tokens, at = tonumber(stored[1]) or capacity, tonumber(stored[2]) or now
tokens = math.min(capacity, tokens + math.max(0, now - at) * per_ms)
local wait = 0
if tokens >= 1 then
  tokens = tokens - 1
else
  wait = math.ceil((1 - tokens) / per_ms)
end
redis.call('HSET', KEYS[1], 'tokens', tostring(tokens), 'at_ms', string.format('%d', now))
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return wait
"""

# KEYS window; ARGV calls, window ms. Returns ms to wait, 0 if a call was granted. The list holds the last grants,
# newest first. Their moments are cut to whole milliseconds: a window has surely passed only if these differ by more.
# Where the clock was set back, grants ahead of it count as of now; else they would keep all away until it caught up.
TAKE_CALL_OF_WINDOW = """
local calls, window = tonumber(ARGV[1]), tonumber(ARGV[2])
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local granted = redis.call('LRANGE', KEYS[1], 0, calls - 1)
for index = 1, #granted do
  if tonumber(granted[index]) > now then
    granted[index] = string.format('%d', now)
    redis.call('LSET', KEYS[1], index - 1, granted[index])
  end
end
if #granted == calls and now - tonumber(granted[calls]) <= window then
  return tonumber(granted[calls]) + window + 1 - now
end
redis.call('LPUSH', KEYS[1], string.format('%d', now))
redis.call('LTRIM', KEYS[1], 0, calls - 1)
redis.call('PEXPIRE', KEYS[1], 2 * window)
return 0
"""

# KEYS cooldown; ARGV ms. A longer one in force stays.
START_COOLDOWN = """
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[1]) then
  redis.call('SET', KEYS[1], '1', 'PX', ARGV[1])
end
return 1
"""

# KEYS seen; ARGV digest, ms since 1970, most digests, ttl ms. Returns the earliest moment at which the digest was seen.
FIRST_SEEN = """
local known = tonumber(redis.call('HGET', KEYS[1], ARGV[1])) or tonumber(ARGV[2])
local first = math.min(known, tonumber(ARGV[2]))
if redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[3]) and redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 then
  redis.call('DEL', KEYS[1])
end
redis.call('HSET', KEYS[1], ARGV[1], string.format('%d', first))
redis.call('PEXPIRE', KEYS[1], ARGV[4])
return first
"""

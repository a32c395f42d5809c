#!lua name=colony1

-- The only writers of Colony's keys. A function's effects are one block of the log and of the replication stream, so in every
-- surviving history the lease record says exactly what the streams contain and whose epoch they are in.
--
-- R lease record    D disconnects of the budget group    C control stream    N registry of data streams    E event log
--
-- TIME is read once per call; all times are its milliseconds. Replies are arrays of texts, the first is 1 or 0. A token that is not the
-- record's, or a missing record, is answered {0, FENCED} without effect. A number that is none is answered with the error BADARG, also
-- without effect: everything is read and checked before the first write. Ids pass 2^53 and are therefore text.
-- redis.call does not exist while a library loads (7.0): it is used inside functions only.

local MAX_EPOCH = 18000000
local EVENTS_KEPT = '100000'
local HEAD_START_MS = 1000
local CLOCK_SLACK_MS = 5000
local CRASHES_TO_QUARANTINE = 3
local SILENT_MS = 30000
local SUSPECTED_MS = 2000
local MAX_TRIMMED_STREAMS = 200
local SHORT_STREAM = 500
local REQUESTS_KEPT_MS = 600000

local FIELDS = {
    'state', 'holder', 'epoch', 'token', 'renewals', 'renewed_at', 'phase', 'next_sequence', 'last_ms', 'control_sequence', 'pending',
    'pending_until', 'pending_delay', 'pending_span', 'previous_epoch', 'previous_next', 'preferred', 'crashes', 'crashes_since', 'server',
    'connections',
}

-- Values ------------------------------------------------------------------------------------------------------------------------------

local function text(number)
    return string.format('%.0f', number)
end

-- A whole number among the arguments, or the error BADARG.
local function number(value, name)
    if not value or not string.find(value, '^%-?%d+$') then
        error({ err = 'BADARG ' .. name .. ' must be a whole number, not ' .. (value or 'missing') })
    end
    return tonumber(value)
end

local function word(value, name)
    if not value then error({ err = 'BADARG ' .. name .. ' is missing' }) end
    return value
end

local function flag(value, name)
    if value == '1' then return true end
    if value == '0' then return false end
    error({ err = 'BADARG ' .. name .. ' must be 1 or 0, not ' .. (value or 'missing') })
end

-- A number of the record; fields that were never set count as 0.
local function stored(value)
    return tonumber(value) or 0
end

local function clock()
    local time = redis.call('TIME')
    return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- <ms>-<E><S as 12 digits>
local function entry_id(ms, epoch, sequence)
    return string.format('%.0f-%.0f%012.0f', ms, epoch, sequence)
end

local function split(id)
    local ms, sequence = string.match(id, '^(%d+)%-(%d+)$')
    return tonumber(ms), sequence
end

-- True when (ms, sequence) is above (other_ms, other): sequence parts compare as text, by length, then bytewise.
local function above(ms, sequence, other_ms, other)
    if ms ~= other_ms then return ms > other_ms end
    if #sequence ~= #other then return #sequence > #other end
    return sequence > other
end

-- The last id a stream ever gave out (it outlives trimming); nil when there is no such stream.
local function top_of(stream)
    if redis.call('EXISTS', stream) == 0 then return nil end
    local info = redis.call('XINFO', 'STREAM', stream)
    for at = 1, #info, 2 do
        if info[at] == 'last-generated-id' then
            local top = { id = info[at + 1] }
            top.ms, top.sequence = split(top.id)
            top.epoch = #top.sequence > 12 and tonumber(string.sub(top.sequence, 1, -13)) or 0
            return top
        end
    end
    error({ err = 'ERR XINFO STREAM told no last-generated-id of ' .. stream })
end

local function top_id(stream)
    local top = top_of(stream)
    return top and top.id or '0-0'
end

-- The lease record as a table of texts ('' where a field was never set); nil when there is none.
local function record_of(key)
    local values = redis.call('HMGET', key, unpack(FIELDS))
    if not values[1] then return nil end
    local record = {}
    for at = 1, #FIELDS do record[FIELDS[at]] = values[at] or '' end
    return record
end

-- An empty token is the mark of a free record and belongs to nobody.
local function shows_token(record, token)
    return record and token ~= '' and record.token == token
end

local function feed_of(lease)
    return string.match(lease, ':lease:(.*)$') or lease
end

local function log_event(events, now, event, lease, worker, epoch, reason, admitted)
    redis.call('XADD', events, 'MAXLEN', '~', EVENTS_KEPT, '*', 'event', event, 'feed', feed_of(lease), 'worker', worker, 'epoch',
        text(epoch), 'reason', reason, 'admitted', admitted, 'at', text(now))
end

-- Subscribers are woken through the group's channel; in a cluster through the shard's.
local function wake(key, kind, message)
    local channel = (string.match(key, '^(.-):' .. kind .. ':') or string.match(key, '^(.*):' .. kind .. '$') or key) .. ':wake'
    if string.find(redis.call('INFO', 'cluster'), 'cluster_enabled:1', 1, true) then
        redis.call('SPUBLISH', channel, message)
    else
        redis.call('PUBLISH', channel, message)
    end
end

-- Rules -------------------------------------------------------------------------------------------------------------------------------

-- NEXT_EPOCH: above everything the record, the caller and the control stream know. Another server than the one of the last acquisition
-- may have lost some that readers saw, and a caller that knows of a higher epoch shows that something was lost: then the caller's jump
-- steps over them. nil when the counter is at its end.
local function next_epoch(record, floor, top, server, jump)
    local epoch = record and stored(record.epoch) or 0
    local same_server = record and record.server ~= '' and record.server == server
    if top and top.epoch > epoch then epoch = top.epoch end
    local step = (same_server and floor <= epoch) and 1 or jump
    if floor > epoch then epoch = floor end
    if epoch + step > MAX_EPOCH then return nil end
    return epoch + step
end

local function jump_of(value)
    local jump = number(value, 'jump')
    if jump < 1 then error({ err = 'BADARG jump must be at least 1, not ' .. value }) end
    return jump
end

-- MARK_MS: no id of the feed may lie below one that was given out.
local function mark_ms(now, record, top, floor_ms)
    local ms = math.max(now, record and stored(record.last_ms) or 0, floor_ms)
    if top and top.ms > ms then ms = top.ms end
    return ms
end

local function span_until(now, moment)
    return moment > now and moment - now or 0
end

local function inside_pace(last_admitted, now, pace)
    return last_admitted and pace > 0 and now - last_admitted < pace
end

-- REQUEST, the disconnect map: admitted disconnects of a group are at least one pace apart. Sets the record's pending fields; returns
-- 1 or 0 as text.
local function request(disconnects, record, now, delay, pace, reason, lease, worker)
    local last_admitted = tonumber(redis.call('HGET', disconnects, 'last_admitted') or nil)
    if not inside_pace(last_admitted, now, pace) then
        redis.call('HINCRBY', disconnects, 'count', 1)
        redis.call('HSET', disconnects, 'last_admitted', text(now), 'reason', reason, 'feed', feed_of(lease), 'worker', worker)
        record.pending, record.pending_until, record.pending_delay, record.pending_span = 'due', now + delay, delay, delay
        return '1'
    end
    if last_admitted > now then
        -- The clock went back: never wait longer than one pace.
        last_admitted = now
        redis.call('HSET', disconnects, 'last_admitted', text(now))
    end
    local moment = last_admitted + pace
    record.pending, record.pending_until, record.pending_delay, record.pending_span = 'cooling', moment, delay, moment - now
    return '0'
end

local function due_at(record, wait, moment)
    record.pending, record.pending_until, record.pending_delay, record.pending_span = 'due', moment, wait, wait
end

-- An end while connecting: a fresh wait, no admission, no second count.
local function due_after_attempt(record, now, connect)
    due_at(record, connect, math.max(stored(record.pending_until), now + connect))
end

-- Counts a crash; the third within the quarantine span makes the reconnect due one span from now. True when it did.
local function count_crash(record, now, quarantine)
    local crashes, since = stored(record.crashes), math.min(stored(record.crashes_since), now)
    if crashes == 0 or now - since > quarantine then crashes, since = 0, now end
    record.crashes, record.crashes_since = crashes + 1, since
    if quarantine <= 0 or record.crashes < CRASHES_TO_QUARANTINE then return false end
    due_at(record, quarantine, now + quarantine)
    return true
end

-- Writes those fields of `names` that are set.
local function store(key, record, names)
    local arguments = {}
    for _, name in ipairs(names) do
        local value = record[name]
        if value ~= '' then
            arguments[#arguments + 1] = name
            arguments[#arguments + 1] = type(value) == 'number' and text(value) or value
        end
    end
    redis.call('HSET', key, unpack(arguments))
end

local PENDING = { 'pending', 'pending_until', 'pending_delay', 'pending_span', 'crashes', 'crashes_since' }

-- The marker that ends an epoch in order (complete yes) or on behalf of a dead holder (no), and the cursor behind it.
local function write_down(control, record, top, now, reason, complete, admitted)
    local epoch, sequence = stored(record.epoch), stored(record.next_sequence)
    local ms = mark_ms(now, record, top, 0)
    local id = entry_id(ms, epoch, sequence)
    if top then
        local _, part = split(id)
        -- Somebody else wrote a higher id with the same time; ours may be later.
        if not above(ms, part, top.ms, top.sequence) then ms, id = ms + 1, entry_id(ms + 1, epoch, sequence) end
    end
    redis.call('XADD', control, id, 'marker', 'down', 'at', text(now), 'reason', reason, 'complete', complete, 'admitted', admitted,
        'prev', text(stored(record.control_sequence)))
    record.last_ms, record.control_sequence, record.next_sequence = ms, sequence, sequence + 1
end

local CURSOR = { 'next_sequence', 'last_ms', 'control_sequence' }

-- A sequence part as epoch and S; ids that a person or Redis made have epoch 0.
local function epoch_and_sequence(part)
    if #part <= 12 then return 0, tonumber(part) end
    return tonumber(string.sub(part, 1, -13)), tonumber(string.sub(part, -12))
end

-- Consumer groups that were not given everything a trimmed stream has lost. The first entry left tells by its links which entry stood
-- before it: a group that has not come so far missed something.
local function late_groups(reply, stream)
    local info = redis.call('XINFO', 'STREAM', stream)
    local facts = {}
    for at = 1, #info, 2 do facts[info[at]] = info[at + 1] end
    if not facts.groups or facts.groups == 0 then return end
    local first = facts['first-entry']
    local first_ms, first_epoch, before_ms, before_part, before_epoch, before_sequence
    if first then
        local part
        first_ms, part = split(first[1])
        first_epoch = epoch_and_sequence(part)
        local fields = {}
        for at = 1, #first[2], 2 do fields[first[2][at]] = first[2][at + 1] end
        if fields.after then
            before_ms, before_part = split(fields.after)
        elseif fields.prev then
            before_epoch, before_sequence = first_epoch, tonumber(fields.prev)
        end
    else
        before_ms, before_part = split(facts['last-generated-id'])
    end
    -- XINFO GROUPS would be shorter; workers are granted XINFO STREAM alone.
    local full, groups = redis.call('XINFO', 'STREAM', stream, 'FULL', 'COUNT', '1'), {}
    for at = 1, #full, 2 do
        if full[at] == 'groups' then groups = full[at + 1] end
    end
    for _, group in ipairs(groups) do
        local values = {}
        for at = 1, #group, 2 do values[group[at]] = group[at + 1] end
        local ms, part = split(values['last-delivered-id'])
        local epoch, sequence = epoch_and_sequence(part)
        local late
        if before_ms then
            late = above(before_ms, before_part, ms, part)
        elseif epoch == 0 then
            -- A group that began at a time, and has read nothing yet.
            late = ms < first_ms
        elseif before_epoch then
            late = epoch < before_epoch or epoch == before_epoch and sequence < before_sequence
        else
            late = epoch < first_epoch
        end
        if late then
            reply[#reply + 1] = stream
            reply[#reply + 1] = values.name
        end
    end
end

-- The highest id the feed can have stored, for replies about order.
local function stored_top(record)
    return entry_id(stored(record.last_ms), stored(record.epoch), math.max(stored(record.next_sequence) - 1, 0))
end

local ZEROS = '000000000000'

local function bad_id(id, ending)
    return redis.error_reply('BADID ' .. tostring(id) .. ' must be a time with the token\'s epoch and the packet\'s sequence ' .. ending)
end

-- Functions ---------------------------------------------------------------------------------------------------------------------------

-- init: makes the record of a feed that has none.
-- KEYS  R C
-- ARGV  server (run id)
-- 1     made: state unknown, epoch 0, `renewed_at` = now; `server` only beside a missing control stream, so that the first epoch beside an
--       old one jumps
-- 0     there is a record
-- Keeps: a record is never overwritten; a fresh one belongs to nobody and counts from nothing.
local function init(keys, args)
    local server = word(args[1], 'server')
    if redis.call('EXISTS', keys[1]) == 1 then return { '0' } end
    redis.call('HSET', keys[1], 'state', 'unknown', 'epoch', '0', 'renewals', '0', 'phase', 'waiting', 'pending', 'none',
        'next_sequence', '0', 'last_ms', '0', 'renewed_at', text(clock()))
    if redis.call('EXISTS', keys[2]) == 0 then redis.call('HSET', keys[1], 'server', server) end
    return { '1' }
end

-- observe: what watchers need to know; writes nothing and runs on replicas.
-- KEYS  R ...
-- reply one array per key: state holder epoch renewals ttl_ms phase preferred last_ms server renewed_at ('' where never set); empty: no
--       record. `renewed_at` tells records apart whose numbers came again in a data set that was emptied.
-- Keeps: one call is one moment for all its records.
local function observe(keys)
    local rows = {}
    for at = 1, #keys do
        local row = redis.call('HMGET', keys[at], 'state', 'holder', 'epoch', 'renewals', 'ttl_ms', 'phase', 'preferred', 'last_ms',
            'server', 'renewed_at')
        if row[1] then
            for field = 1, 10 do row[field] = row[field] or '' end
        else
            row = {}
        end
        rows[at] = row
    end
    return rows
end

-- acquire: takes a lease that is free, was observed out, or whose holder is proven dead.
-- KEYS  R D C E
-- ARGV  incarnation, ttl_ms, mode (free | seen | dead), seen_epoch, seen (free: ignored; seen: renewals; dead: holder), floor, floor_ms,
--       delay, connect, pace, quarantine, server, jump, reason, seen_at (seen: renewed_at, ms; '' or missing: not compared),
--       goes (1: connects at once if that is due; '' or missing: `gate` is asked)
-- 1 epoch pending ms previous_epoch previous_next last_ms now      granted; ms: until the reconnect is due or may be admitted
-- 1 .. now GO                                                      granted, and what `gate` would answer next: connect now
-- 0 CHANGED holder epoch renewals                                  the record is not what the caller saw (holder '' when not held)
-- 0 RESERVED ms                                                    another worker has a head start
-- 0 EPOCH                                                          the epoch counter is at its end
-- 0 FENCED                                                         no record: init first
-- Repeat: held by the caller, taken from seen_epoch and still waiting (or told to go): the same reply.
-- Keeps: the token changes, so that nothing of an older epoch is stored behind the `fence`, which sorts behind all of it; a crash of a
-- live holder is a disconnect; what is owed is inherited, never counted twice. A claim of what was seen of a record that was removed, done
-- after the feed got a new one whose numbers came again, finds another `renewed_at`.
local function acquire(keys, args)
    local lease, disconnects, control, events = keys[1], keys[2], keys[3], keys[4]
    local incarnation, ttl, mode = word(args[1], 'incarnation'), number(args[2], 'ttl_ms'), args[3]
    local seen_epoch, seen = number(args[4], 'seen_epoch'), args[5]
    local floor, floor_ms = number(args[6], 'floor'), number(args[7], 'floor_ms')
    local delay, connect, pace = number(args[8], 'delay'), number(args[9], 'connect'), number(args[10], 'pace')
    local quarantine, server, jump = number(args[11], 'quarantine'), word(args[12], 'server'), jump_of(args[13])
    local reason, seen_at, goes = word(args[14], 'reason'), args[15] or '', args[16] == '1'
    local now = clock()
    local record = record_of(lease)
    if not record then return { '0', 'FENCED' } end

    local held, phase, epoch = record.state == 'held', record.phase, stored(record.epoch)
    local has_gone = goes and phase == 'connecting'
    if held and record.holder == incarnation and (phase == 'waiting' or has_gone) and tonumber(record.previous_epoch) == seen_epoch then
        return { '1', record.epoch, record.pending, text(span_until(now, stored(record.pending_until))), record.previous_epoch,
            record.previous_next, record.last_ms, text(now), has_gone and 'GO' or nil }
    end

    local as_seen = epoch == seen_epoch
    if mode == 'free' then
        as_seen = as_seen and record.state == 'free'
    elseif mode == 'seen' then
        as_seen = as_seen and stored(record.renewals) == number(seen, 'seen')
            and (seen_at == '' or stored(record.renewed_at) == number(seen_at, 'seen_at'))
    elseif mode == 'dead' then
        as_seen = as_seen and held and record.holder == seen
    else
        error({ err = 'BADARG mode must be free, seen or dead, not ' .. (mode or 'missing') })
    end
    if not as_seen then return { '0', 'CHANGED', record.holder, text(epoch), text(stored(record.renewals)) } end
    if mode == 'free' and record.preferred ~= '' and record.preferred ~= string.match(incarnation, '^(.*)%.[^.]*$') then
        local elapsed = now - stored(record.renewed_at)
        -- A head start is a courtesy: a clock that went back ends it.
        if elapsed >= 0 and elapsed < HEAD_START_MS then return { '0', 'RESERVED', text(HEAD_START_MS - elapsed) } end
    end
    local top = top_of(control)
    local new_epoch = next_epoch(record, floor, top, server, jump)
    if not new_epoch then return { '0', 'EPOCH' } end

    local old_holder, admitted = record.holder, ''
    local crashed = phase == 'live' or phase == 'connecting'
    if phase == 'live' then
        admitted = request(disconnects, record, now, delay, pace, reason, lease, old_holder)
    elseif phase == 'connecting' then
        due_after_attempt(record, now, connect)
    elseif record.pending ~= 'cooling' and record.pending ~= 'due' then
        due_at(record, connect, now + connect)
    end
    local quarantined = crashed and count_crash(record, now, quarantine)

    goes = goes and record.pending == 'due' and stored(record.pending_until) <= now
    local previous_next = stored(record.next_sequence)
    local ms = mark_ms(now, record, top, floor_ms)
    store(lease, record, PENDING)
    redis.call('HSET', lease, 'state', 'held', 'holder', incarnation, 'token', incarnation .. ':' .. text(new_epoch), 'epoch',
        text(new_epoch), 'renewals', '0', 'ttl_ms', text(ttl), 'renewed_at', text(now), 'phase', goes and 'connecting' or 'waiting',
        'next_sequence', '1',
        'control_sequence', '0', 'previous_epoch', text(epoch), 'previous_next', text(previous_next), 'last_ms', text(ms), 'server', server)
    redis.call('XADD', control, entry_id(ms, new_epoch, 0), 'marker', 'fence', 'at', text(now), 'worker', incarnation, 'reason', reason,
        'previous_epoch', text(epoch), 'previous_next', text(previous_next), 'after', top and top.id or '0-0')
    if crashed then log_event(events, now, 'crashed', lease, old_holder, epoch, reason, admitted) end
    if quarantined then log_event(events, now, 'quarantined', lease, old_holder, epoch, reason, '') end
    log_event(events, now, held and 'taken_over' or 'acquired', lease, incarnation, new_epoch, reason, '')
    if goes then log_event(events, now, 'connecting', lease, incarnation, new_epoch, 'due', '') end
    return { '1', text(new_epoch), record.pending, text(span_until(now, stored(record.pending_until))), text(epoch), text(previous_next),
        text(ms), text(now), goes and 'GO' or nil }
end

-- renew: moves the value that challengers watch.
-- KEYS  R ...
-- ARGV  token ...
-- reply per key 1 (renewed), 0 (another token), -1 (no record); then now
-- Keeps: only the holder moves `renewals`. A repeat renews once more, which is harmless.
local function renew(keys, args)
    if #args ~= #keys then error({ err = 'BADARG renew needs one token per key' }) end
    local now = text(clock())
    local reply = {}
    for at = 1, #keys do
        local lease, record = keys[at], redis.call('HMGET', keys[at], 'token', 'renewals')
        local token = record[1]
        if token and token ~= '' and token == args[at] then
            -- Two calls a lease instead of three: thousands of them are renewed every second.
            redis.call('HSET', lease, 'renewals', text(stored(record[2]) + 1), 'renewed_at', now)
            reply[at] = '1'
        elseif token or redis.call('EXISTS', lease) == 1 then
            reply[at] = '0'
        else
            reply[at] = '-1'
        end
    end
    reply[#keys + 1] = now
    return reply
end

-- gate: may I connect?
-- KEYS  R D E
-- ARGV  token, pace
-- 1 GO            connect now (said again while connecting)
-- 0 DUE ms        admitted, not yet time
-- 0 COOLING ms    not yet admitted
-- 0 NOTPENDING    nothing is owed: a failover lost the `disconnect`; publish what is left and repeat it
-- 0 FENCED
-- Keeps: no websocket is opened without an admission, and none before its time; a clock that went back delays by the wait once drawn.
local function gate(keys, args)
    local lease, disconnects, events = keys[1], keys[2], keys[3]
    local token, pace = word(args[1], 'token'), number(args[2], 'pace')
    local now = clock()
    local record = record_of(lease)
    if not shows_token(record, token) then return { '0', 'FENCED' } end
    if record.phase == 'connecting' then return { '1', 'GO' } end
    if record.phase ~= 'waiting' or (record.pending ~= 'cooling' and record.pending ~= 'due') then return { '0', 'NOTPENDING' } end

    local epoch = stored(record.epoch)
    if record.pending == 'cooling' then
        local admitted = request(disconnects, record, now, stored(record.pending_delay), pace, 'cooled', lease, record.holder)
        store(lease, record, PENDING)
        if admitted == '0' then return { '0', 'COOLING', text(span_until(now, record.pending_until)) } end
        log_event(events, now, 'admitted', lease, record.holder, epoch, 'cooled', admitted)
    elseif stored(record.pending_until) - now > stored(record.pending_span) + CLOCK_SLACK_MS then
        local delay = stored(record.pending_delay)
        due_at(record, delay, now + delay)
        store(lease, record, PENDING)
    end
    if now < stored(record.pending_until) then return { '0', 'DUE', text(record.pending_until - now) } end
    redis.call('HSET', lease, 'phase', 'connecting')
    log_event(events, now, 'connecting', lease, record.holder, epoch, 'due', '')
    return { '1', 'GO' }
end

-- retry: an attempt failed; the next one is due after `wait`.
-- KEYS  R
-- ARGV  token, wait
-- 1 due ms        waiting again
-- 1 cooling ms    a failover took the admission back: still owed, ask `gate`; no effect
-- 0 LIVE          the websocket is open, says the record
-- 0 FENCED
-- Keeps: a failed attempt is no disconnect, and never an admission. A repeat sets the time anew.
local function retry(keys, args)
    local lease = keys[1]
    local token, wait = word(args[1], 'token'), number(args[2], 'wait')
    local now = clock()
    local record = record_of(lease)
    if not shows_token(record, token) then return { '0', 'FENCED' } end
    if record.phase == 'live' then return { '0', 'LIVE' } end
    if record.pending == 'cooling' then return { '1', 'cooling', text(span_until(now, stored(record.pending_until))) } end
    due_at(record, wait, now + wait)
    store(lease, record, PENDING)
    redis.call('HSET', lease, 'phase', 'waiting')
    return { '1', 'due', text(wait) }
end

-- begin: the websocket is open; opens its epoch.
-- KEYS  R C E
-- ARGV  token, incarnation, floor, floor_ms, server, jump
-- 1 epoch last_ms now    the new epoch; its marker's time
-- 0 NOTCONNECTING        a failover lost the GO: ask `gate` again; not GO: close
-- 0 EPOCH
-- 0 FENCED
-- Repeat: the caller holds the epoch that began with this token, and is live: the same reply.
-- Keeps: one epoch per websocket; its `up` sorts behind everything before it.
local function begin(keys, args)
    local lease, control, events = keys[1], keys[2], keys[3]
    local token, incarnation = word(args[1], 'token'), word(args[2], 'incarnation')
    local floor, floor_ms = number(args[3], 'floor'), number(args[4], 'floor_ms')
    local server, jump = word(args[5], 'server'), jump_of(args[6])
    local now = clock()
    local record = record_of(lease)
    if not record or token == '' or record.state ~= 'held' or record.holder ~= incarnation then return { '0', 'FENCED' } end
    if record.token ~= token then
        local repeated = record.phase == 'live' and token == incarnation .. ':' .. record.previous_epoch
        if not repeated then return { '0', 'FENCED' } end
        return { '1', record.epoch, record.last_ms, text(now) }
    end
    if record.phase ~= 'connecting' then return { '0', 'NOTCONNECTING' } end
    local top = top_of(control)
    local new_epoch = next_epoch(record, floor, top, server, jump)
    if not new_epoch then return { '0', 'EPOCH' } end

    local epoch, previous_next = record.epoch, text(stored(record.next_sequence))
    local ms = mark_ms(now, record, top, floor_ms)
    local connections = stored(record.connections) + 1
    redis.call('HSET', lease, 'epoch', text(new_epoch), 'token', incarnation .. ':' .. text(new_epoch), 'next_sequence', '1',
        'control_sequence', '0', 'phase', 'live', 'pending', 'none', 'previous_epoch', epoch, 'previous_next', previous_next, 'last_ms',
        text(ms), 'connections', text(connections))
    redis.call('XADD', control, entry_id(ms, new_epoch, 0), 'marker', 'up', 'at', text(now), 'worker', incarnation, 'previous_epoch',
        epoch, 'previous_next', previous_next, 'after', top and top.id or '0-0')
    log_event(events, now, connections == 1 and 'connected' or 'reconnected', lease, incarnation, new_epoch, '', '')
    return { '1', text(new_epoch), text(ms), text(now) }
end

-- publish: appends a batch to the streams of a feed; whole or not at all.
-- KEYS  R C N stream ...
-- ARGV  token, first, maxlen of C, maxlen per stream, then per packet: stream number (0 = C), id, time, prev, data
-- 1 next            everything below next is stored (also the answer to a repeated batch)
-- 0 GAP next        first is above the cursor: no effect, send again from next
-- 0 ORDER next top  an id is not above what is stored (top): `resume` with renumber, floor_ms = time of top
-- 0 ENDED           the websocket of this token was reported ended
-- 0 FENCED
-- BADID             (error) ids do not end in the token's epoch and the packets' sequence: a client bug; no effect
-- Keeps: everything below the replied next is stored, nothing at or above it is; every packet once, in sequence, under the id decided
-- before the first attempt; `after` ties the first entry of a stream in an epoch to the entry before it.
local function publish(keys, args)
    local token, first, count = args[1], tonumber(args[2]), #keys
    local lease = redis.call('HMGET', keys[1], 'token', 'phase', 'next_sequence', 'last_ms', 'epoch')
    if lease[1] ~= token or token == '' then return { '0', 'FENCED' } end
    if lease[2] ~= 'live' then return { '0', 'ENDED' } end
    local cursor = tonumber(lease[3])
    if not first or (#args - count) % 5 ~= 0 then
        error({ err = 'BADARG publish takes token, first, ' .. (count - 2) .. ' maxlen and five values per packet' })
    end
    if first > cursor then return { '0', 'GAP', lease[3] } end

    -- What is below the cursor is stored already, whatever its ids say.
    local start, last = count + 1 + 5 * (cursor - first), #args - 4
    if start > last then return { '1', lease[3] } end
    local epoch, sub = lease[5], string.sub
    local first_id, first_end, last_ms = args[start + 1], '-' .. epoch .. sub(ZEROS, #lease[3] + 1) .. lease[3], nil
    local first_ms = tonumber(sub(first_id, 1, -1 - #first_end))
    if sub(first_id, -#first_end) ~= first_end or not first_ms then return bad_id(first_id, first_end) end
    if start == last then
        last_ms = first_ms
    else
        local last_id, last_end = args[last + 1], string.format('-%s%012.0f', epoch, cursor + (last - start) / 5)
        last_ms = tonumber(sub(last_id, 1, -1 - #last_end))
        if sub(last_id, -#last_end) ~= last_end or not last_ms then return bad_id(last_id, last_end) end
    end
    if first_ms < tonumber(lease[4]) then
        return { '0', 'ORDER', lease[3], entry_id(tonumber(lease[4]), tonumber(epoch), cursor - 1) }
    end
    if last_ms < first_ms then return { '0', 'ORDER', lease[3], first_id } end

    -- The first packet of a stream in this epoch must lie above whatever the stream has seen, and tells readers what that was.
    local after, registry, highest = nil, nil, nil
    local key_at = { ['0'] = 2 }
    -- Trimming behind a stream's last packet leaves what trimming behind each would: where streams get several, the others are spared it.
    local last_at = (last - start) / 5 >= 2 * (count - 3) and {} or nil
    for at = start, last, 5 do
        local stream = key_at[args[at]]
        if not stream then
            stream = number(args[at], 'stream number') + 3
            if stream < 4 or stream > count then
                error({ err = 'BADARG stream number ' .. args[at] .. ' of ' .. args[at + 1] .. ' is none of the call\'s streams' })
            end
            key_at[args[at]] = stream
        end
        if last_at then last_at[stream] = at end
        if args[at + 3] == '0' and stream ~= 2 then
            local top = top_of(keys[stream])
            if top then
                local ms, part = split(args[at + 1])
                if not ms then return bad_id(args[at + 1], '') end
                local fits = above(ms, part, top.ms, top.sequence)
                if not fits and (not highest or above(top.ms, top.sequence, highest.ms, highest.sequence)) then highest = top end
            end
            after, registry = after or {}, registry or {}
            after[at] = top and top.id or '0-0'
            registry[#registry + 1] = keys[stream]
            registry[#registry + 1] = epoch
        end
    end
    if highest then return { '0', 'ORDER', lease[3], highest.id } end
    if registry then
        for at = 1, #registry, 1000 do redis.call('HSET', keys[3], unpack(registry, at, math.min(at + 999, #registry))) end
    end

    -- The maxlen of key 2 (C) is argument 3; of key n, a data stream, argument n.
    local append = redis.pcall
    local control_at, stored_at, refused = nil, nil, nil
    for at = start, last, 5 do
        local stream, added = key_at[args[at]], nil
        local opened = after and after[at]
        if last_at and last_at[stream] ~= at then
            if opened then
                added = append('XADD', keys[stream], args[at + 1], 'time', args[at + 2], 'prev', args[at + 3], 'data', args[at + 4],
                    'after', opened)
            else
                added = append('XADD', keys[stream], args[at + 1], 'time', args[at + 2], 'prev', args[at + 3], 'data', args[at + 4])
            end
        else
            local length = stream == 2 and args[3] or args[stream]
            if opened then
                added = append('XADD', keys[stream], 'MAXLEN', '~', length, args[at + 1], 'time', args[at + 2], 'prev', args[at + 3],
                    'data', args[at + 4], 'after', opened)
            else
                added = append('XADD', keys[stream], 'MAXLEN', '~', length, args[at + 1], 'time', args[at + 2], 'prev', args[at + 3],
                    'data', args[at + 4])
            end
        end
        if type(added) ~= 'string' then
            -- Only possible when somebody wrote to this stream by hand within the epoch (or an id in the middle is none).
            refused = keys[stream]
            break
        end
        stored_at = at
        if stream == 2 then control_at = at end
    end
    if not stored_at then return { '0', 'ORDER', lease[3], top_id(refused) } end

    local behind = text(cursor + (stored_at - start) / 5 + 1)
    local stored_ms = string.match(args[stored_at + 1], '^%d+')
    if control_at then
        redis.call('HSET', keys[1], 'next_sequence', behind, 'last_ms', stored_ms, 'control_sequence',
            text(cursor + (control_at - start) / 5))
    else
        redis.call('HSET', keys[1], 'next_sequence', behind, 'last_ms', stored_ms)
    end
    if refused then return { '0', 'ORDER', behind, top_id(refused) } end
    return { '1', behind }
end

-- lost: declares packets that were received and will never be stored.
-- KEYS  R C E
-- ARGV  token, first, to, ms, reason
-- 1 next            declared; next = to + 1 (or more: a repeat)
-- 0 GAP next        first is not the cursor: compute the range again from next; no effect
-- 0 ORDER next top  ms is below what is stored (top); no effect
-- 0 ENDED           the websocket of this token was reported ended
-- 0 FENCED
-- Keeps: the cursor only jumps over what a `gap` names. The marker is outside the prev chain: control_sequence stays.
local function lost(keys, args)
    local lease, control, events = keys[1], keys[2], keys[3]
    local token, first, to = word(args[1], 'token'), number(args[2], 'first'), number(args[3], 'to')
    local ms, reason = number(args[4], 'ms'), word(args[5], 'reason')
    local now = clock()
    local record = record_of(lease)
    if not shows_token(record, token) then return { '0', 'FENCED' } end
    local cursor, epoch = stored(record.next_sequence), stored(record.epoch)
    if cursor > to then return { '1', text(cursor) } end
    if record.phase ~= 'live' then return { '0', 'ENDED' } end
    if first ~= cursor then return { '0', 'GAP', text(cursor) } end
    if ms < stored(record.last_ms) then return { '0', 'ORDER', text(cursor), stored_top(record) } end
    local id, top = entry_id(ms, epoch, to), top_of(control)
    if top then
        local _, part = split(id)
        if not above(ms, part, top.ms, top.sequence) then return { '0', 'ORDER', text(cursor), top.id } end
    end

    redis.call('XADD', control, id, 'marker', 'gap', 'at', text(now), 'from', text(first), 'to', text(to), 'reason', reason)
    redis.call('HSET', lease, 'next_sequence', text(to + 1), 'last_ms', text(ms))
    log_event(events, now, 'gap', lease, record.holder, epoch, reason, '')
    return { '1', text(to + 1) }
end

-- disconnect: the websocket ended (hard), or its holder wants to end it (soft).
-- KEYS  R D C E
-- ARGV  token, first (the sequence behind everything received), hard (1 | 0), delay, pace, reason
-- 1 pending ms     ended: what is owed, and until when
-- 0 REFUSED ms     soft and inside the pace: keep the socket; no effect
-- 0 GAP next       packets from next on are missing: publish or declare them first; no effect
-- 0 FENCED
-- Repeat: not live any more: the stored answer.
-- Keeps: admissions of a group are one pace apart; `down` complete=yes follows everything received.
local function disconnect(keys, args)
    local lease, disconnects, control, events = keys[1], keys[2], keys[3], keys[4]
    local token, first, hard = word(args[1], 'token'), number(args[2], 'first'), flag(args[3], 'hard')
    local delay, pace, reason = number(args[4], 'delay'), number(args[5], 'pace'), word(args[6], 'reason')
    local now = clock()
    local record = record_of(lease)
    if not shows_token(record, token) then return { '0', 'FENCED' } end
    local cursor = stored(record.next_sequence)
    if record.phase ~= 'live' then return { '1', record.pending, text(span_until(now, stored(record.pending_until))) } end
    if first > cursor then return { '0', 'GAP', text(cursor) } end
    if not hard then
        local last_admitted = tonumber(redis.call('HGET', disconnects, 'last_admitted') or nil)
        if inside_pace(last_admitted, now, pace) then
            if last_admitted > now then
                -- The clock went back: never wait longer than one pace.
                last_admitted = now
                redis.call('HSET', disconnects, 'last_admitted', text(now))
            end
            return { '0', 'REFUSED', text(last_admitted + pace - now) }
        end
    end

    local top = top_of(control)
    local admitted = request(disconnects, record, now, delay, pace, reason, lease, record.holder)
    write_down(control, record, top, now, reason, 'yes', admitted)
    store(lease, record, PENDING)
    store(lease, record, CURSOR)
    redis.call('HSET', lease, 'phase', 'waiting')
    log_event(events, now, 'disconnected', lease, record.holder, stored(record.epoch), reason, admitted)
    return { '1', record.pending, text(span_until(now, record.pending_until)) }
end

-- release: gives a lease back, by its holder (clean) or on behalf of a dead one (dead).
-- KEYS  R D C E
-- ARGV  token (clean) or incarnation (dead), clean | dead, reason, delay, connect, pace, quarantine, preferred, first (clean: the sequence
--       behind everything received; if more than what is stored, `down` does not say complete)
-- 1                free
-- 0 NOTHELD        nobody holds it; after a repeat this counts as done
-- 0 FENCED         clean: another token; or no record
-- 0 OTHER holder   dead: held by this one
-- Keeps: an end by drain or death is a disconnect, never refused; what is owed stays for the successor.
local function release(keys, args)
    local lease, disconnects, control, events = keys[1], keys[2], keys[3], keys[4]
    local who, how, reason = word(args[1], 'token or incarnation'), args[2], word(args[3], 'reason')
    local delay, connect, pace = number(args[4], 'delay'), number(args[5], 'connect'), number(args[6], 'pace')
    local quarantine, preferred = number(args[7], 'quarantine'), args[8] or ''
    local first = args[9] and args[9] ~= '' and number(args[9], 'first') or 0
    if how ~= 'clean' and how ~= 'dead' then error({ err = 'BADARG release is clean or dead, not ' .. (how or 'missing') }) end
    local dead = how == 'dead'
    local now = clock()
    local record = record_of(lease)
    if not record then return { '0', 'FENCED' } end
    if record.state ~= 'held' then return { '0', 'NOTHELD' } end
    if dead and record.holder ~= who then return { '0', 'OTHER', record.holder } end
    if not dead and not shows_token(record, who) then return { '0', 'FENCED' } end

    local phase, epoch, holder, admitted = record.phase, stored(record.epoch), record.holder, ''
    local crashed = dead and phase ~= 'waiting'
    if phase == 'live' then
        local top = top_of(control)
        admitted = request(disconnects, record, now, delay, pace, reason, lease, holder)
        local complete = not dead and first <= stored(record.next_sequence)
        write_down(control, record, top, now, reason, complete and 'yes' or 'no', admitted)
        store(lease, record, CURSOR)
    elseif phase == 'connecting' then
        due_after_attempt(record, now, connect)
    end
    local quarantined = crashed and count_crash(record, now, quarantine)
    store(lease, record, PENDING)
    redis.call('HSET', lease, 'state', 'free', 'holder', '', 'token', '', 'phase', 'waiting', 'renewals',
        text(stored(record.renewals) + 1), 'renewed_at', text(now), 'preferred', preferred)
    if crashed then
        log_event(events, now, 'crashed', lease, holder, epoch, reason, admitted)
    elseif phase == 'live' then
        log_event(events, now, 'disconnected', lease, holder, epoch, reason, admitted)
    end
    if quarantined then log_event(events, now, 'quarantined', lease, holder, epoch, reason, '') end
    log_event(events, now, 'released', lease, holder, epoch, reason, '')
    wake(lease, 'lease', 'freed ' .. feed_of(lease) .. (preferred ~= '' and ' ' .. preferred or ''))
    return { '1' }
end

-- resume: restores a lost, rolled back or disordered feed under the websocket that is still open.
-- KEYS  R D C E
-- ARGV  incarnation, epoch, next, ttl_ms, floor_ms, server, jump, renumber (1 | 0), admitted_age ('' or negative: none known)
-- 1 SAME next last_ms       the record is still the caller's
-- 1 NEW epoch last_ms now   a new epoch; its marker's time
-- 0 FENCED                  record or control stream know a higher epoch, or the same one with another holder
-- 0 EPOCH
-- Repeat: the caller holds, live, the epoch that was restored from this one: NEW again.
-- Keeps: the highest epoch wins; the marker sorts behind everything any reader may have seen; the pace outlives the data set.
local function resume(keys, args)
    local lease, disconnects, control, events = keys[1], keys[2], keys[3], keys[4]
    local incarnation, epoch, following = word(args[1], 'incarnation'), number(args[2], 'epoch'), number(args[3], 'next')
    local ttl, floor_ms = number(args[4], 'ttl_ms'), number(args[5], 'floor_ms')
    local server, jump, renumber = word(args[6], 'server'), jump_of(args[7]), flag(args[8], 'renumber')
    local admitted_age = args[9] and args[9] ~= '' and number(args[9], 'admitted_age') or -1
    local now = clock()
    local record, top = record_of(lease), top_of(control)
    if record then
        local known = stored(record.epoch)
        local mine = record.state == 'held' and record.holder == incarnation
        if mine and known == epoch and not renumber then return { '1', 'SAME', record.next_sequence, record.last_ms } end
        if mine and record.phase == 'live' and known ~= epoch and tonumber(record.previous_epoch) == epoch then
            return { '1', 'NEW', record.epoch, record.last_ms, text(now) }
        end
        if known > epoch or (known == epoch and not mine) then return { '0', 'FENCED' } end
    end
    if top and top.epoch > epoch then return { '0', 'FENCED' } end
    local new_epoch = next_epoch(record, epoch, top, server, jump)
    if not new_epoch then return { '0', 'EPOCH' } end

    local ms = mark_ms(0, record, top, floor_ms)
    local reason = renumber and 'order' or 'lost'
    if admitted_age >= 0 then
        local last_admitted = tonumber(redis.call('HGET', disconnects, 'last_admitted') or nil)
        if not last_admitted or last_admitted < now - admitted_age then
            redis.call('HSET', disconnects, 'last_admitted', text(now - admitted_age))
        end
    end
    local connections = math.max(record and stored(record.connections) or 0, 1)
    redis.call('HSET', lease, 'state', 'held', 'holder', incarnation, 'token', incarnation .. ':' .. text(new_epoch), 'epoch',
        text(new_epoch), 'renewals', '0', 'ttl_ms', text(ttl), 'renewed_at', text(now), 'phase', 'live', 'next_sequence', '1',
        'control_sequence', '0', 'pending', 'none', 'previous_epoch', text(epoch), 'previous_next', text(following), 'last_ms', text(ms),
        'server', server, 'connections', text(connections))
    redis.call('XADD', control, entry_id(ms, new_epoch, 0), 'marker', 'rollback', 'at', text(now), 'worker', incarnation, 'reason', reason,
        'previous_epoch', text(epoch), 'previous_next', text(following), 'after', top and top.id or '0-0')
    log_event(events, now, 'resumed', lease, incarnation, new_epoch, reason, '')
    return { '1', 'NEW', text(new_epoch), text(ms), text(now) }
end

-- trim: retention by age and count, on up to 200 streams of one feed.
-- KEYS  N stream ...
-- ARGV  min_ms (entries below go), forget_ms (empty streams whose last id is below are unlinked and leave N), then nothing, or maxlen per
--       stream
-- 1 removed forgotten [stream group] ...    entries and streams gone; consumer groups that had not been given all that went, now or before
-- Keeps: a stream is forgotten only when empty and old; ids never go back while it exists. A repeat finds nothing more to do.
local function trim(keys, args)
    local min_ms, forget_ms = number(args[1], 'min_ms'), number(args[2], 'forget_ms')
    if #keys - 1 > MAX_TRIMMED_STREAMS then
        error({ err = 'BADARG trim takes at most ' .. MAX_TRIMMED_STREAMS .. ' streams, not ' .. (#keys - 1) })
    end
    if #args > 2 and #args ~= #keys + 1 then
        error({ err = 'BADARG trim takes one maxlen per stream or none, not ' .. (#args - 2) .. ' for ' .. (#keys - 1) .. ' streams' })
    end
    local maxlens = {}
    for at = 3, #args do maxlens[at - 1] = number(args[at], 'maxlen') end
    local removed, forgotten = 0, 0
    local reply = { '1', '0', '0' }
    for at = 2, #keys do
        local stream = keys[at]
        if redis.call('EXISTS', stream) == 1 then
            local length = redis.call('XLEN', stream)
            local gone = 0
            if maxlens[at] and length > maxlens[at] then
                gone = redis.call('XTRIM', stream, 'MAXLEN', length < SHORT_STREAM and '=' or '~', text(maxlens[at]))
            end
            if length > gone then
                gone = gone + redis.call('XTRIM', stream, 'MINID', length < SHORT_STREAM and '=' or '~', text(min_ms) .. '-0')
            end
            removed = removed + gone
            late_groups(reply, stream)
            -- Workers may lack the right to UNLINK: then the empty stream stays, and stays registered.
            if length == gone and top_of(stream).ms < forget_ms and redis.pcall('UNLINK', stream) == 1 then
                redis.call('HDEL', keys[1], stream)
                forgotten = forgotten + 1
            end
        end
    end
    reply[2], reply[3] = text(removed), text(forgotten)
    return reply
end

-- Empties a hash, which deletes it: workers have no right to DEL.
local function forget_fields(key)
    local values = redis.call('HGETALL', key)
    for at = 1, #values, 2 do redis.call('HDEL', key, values[at]) end
end

-- beat: a worker says that it lives, and what it does.
-- KEYS  meta beats worker
-- ARGV  incarnation, then field and value of the worker's hash, alternating
-- 1 members_version catalogue_version generation now
-- Keeps: members_version moves with every member that comes, goes, or changes its state or weight. A member that is silent for 30 s is
-- suspected first and removed by a later call, at least 2 s on, together with what it told of itself: after a step of the clock everybody
-- gets the time to beat again. (The removed member's hash is the one key that cannot be declared: nobody knows before the call who is
-- silent. It has the hash tag of the declared ones.)
local function beat(keys, args)
    local meta, beats, worker = keys[1], keys[2], keys[3]
    local incarnation = word(args[1], 'incarnation')
    if #args % 2 ~= 1 then error({ err = 'BADARG beat takes the incarnation, then field and value in turn' }) end
    local now = clock()
    local known = redis.call('HMGET', meta, 'generation', 'members_version', 'catalogue_version')
    local generation, members, catalogue = known[1], stored(known[2]), stored(known[3])
    if not generation then
        -- The digits of an incarnation are random; Lua's own generator starts alike in every server.
        generation = string.match(incarnation, '[^.]*$') .. '-' .. text(now)
        redis.call('HSET', meta, 'generation', generation, 'members_version', text(members), 'catalogue_version', text(catalogue),
            'library', 'colony1')
    end

    -- How many were added: 1 for a member that was not there.
    local changes = redis.call('ZADD', beats, text(now), incarnation)
    redis.call('HDEL', meta, 'suspected:' .. incarnation)
    if #args > 1 then
        local before = redis.call('HMGET', worker, 'state', 'weight')
        redis.call('HSET', worker, unpack(args, 2))
        local state, weight = before[1], before[2]
        for at = 2, #args, 2 do
            if args[at] == 'state' then state = args[at + 1] elseif args[at] == 'weight' then weight = args[at + 1] end
        end
        if before[1] ~= state or before[2] ~= weight then changes = 1 end
    end
    for _, member in ipairs(redis.call('ZRANGEBYSCORE', beats, '-inf', text(now - SILENT_MS), 'LIMIT', '0', '100')) do
        local field = 'suspected:' .. member
        local since = tonumber(redis.call('HGET', meta, field) or nil)
        if not since or since > now then
            redis.call('HSET', meta, field, text(now))
        elseif now - since >= SUSPECTED_MS then
            redis.call('ZREM', beats, member)
            redis.call('HDEL', meta, field)
            forget_fields(string.sub(worker, 1, #worker - #incarnation) .. member)
            changes = changes + 1
        end
    end
    if changes > 0 then members = redis.call('HINCRBY', meta, 'members_version', changes) end
    return { '1', text(members), text(catalogue), generation, text(now) }
end

-- desire: compare-and-set of what is wanted.
-- KEYS  subscriptions            or  catalogue meta
-- ARGV  feed, value, version     value: JSON of the subscriptions; of the catalogue's entry ('' removes it)
-- 1 version           stored: the version after
-- 0 CHANGED version   the version is another: read again; no effect. A repeat of a stored one is answered so too.
-- Keeps: no change is overwritten unseen. Subscribed workers are woken; the catalogue is polled through `beat`.
local function desire(keys, args)
    local feed, value, version = word(args[1], 'feed'), word(args[2], 'value'), number(args[3], 'version')
    local catalogue = #keys == 2
    local holder, field = keys[1], 'version'
    if catalogue then holder, field = keys[2], 'catalogue_version' end
    local current = stored(redis.call('HGET', holder, field))
    if current ~= version then return { '0', 'CHANGED', text(current) } end
    local following = text(version + 1)
    if not catalogue then
        redis.call('HSET', holder, 'version', following, 'desired', value)
        wake(holder, 'subscriptions', 'subscriptions ' .. feed)
    elseif value == '' then
        redis.call('HDEL', keys[1], feed)
        redis.call('HSET', holder, field, following)
    else
        redis.call('HSET', keys[1], feed, value)
        redis.call('HSET', holder, field, following)
    end
    return { '1', following }
end

-- request: what operators and workers ask of a worker or supervisor, and the answers.
-- KEYS  requests meta
-- ARGV  field and value in turn; an empty value removes the field
-- 1 version now     stored as '<now> <value>'; requests_version moved
-- Keeps: nothing but the hash: whoever is asked decides, and does what only it may do (a lease is given up by its holder alone). Subscribed
-- workers are woken with the field's name; the others see the version move. What is ten minutes old goes with a later call.
local function request(keys, args)
    if #args < 2 or #args % 2 ~= 0 then error({ err = 'BADARG request takes field and value in turn' }) end
    local requests, meta = keys[1], keys[2]
    local now = clock()
    local stale = redis.call('HGETALL', requests)
    for at = 1, #stale, 2 do
        local since = tonumber(string.match(stale[at + 1], '^%d+'))
        if not since or now - since > REQUESTS_KEPT_MS then redis.call('HDEL', requests, stale[at]) end
    end
    for at = 1, #args, 2 do
        if args[at + 1] == '' then
            redis.call('HDEL', requests, args[at])
        else
            redis.call('HSET', requests, args[at], text(now) .. ' ' .. args[at + 1])
        end
    end
    local version = redis.call('HINCRBY', meta, 'requests_version', 1)
    for at = 1, #args, 2 do
        if args[at + 1] ~= '' then wake(requests, 'requests', 'request ' .. args[at]) end
    end
    return { '1', text(version), text(now) }
end

-- Leases live on when memory is full: everything but `publish` may write then.
local function register(name, callback, ...)
    redis.register_function({ function_name = 'colony1_' .. name, callback = callback, flags = { ... } })
end

register('init', init, 'allow-oom')
register('observe', observe, 'no-writes')
register('acquire', acquire, 'allow-oom')
register('renew', renew, 'allow-oom')
register('gate', gate, 'allow-oom')
register('retry', retry, 'allow-oom')
register('begin', begin, 'allow-oom')
register('publish', publish)
register('lost', lost, 'allow-oom')
register('disconnect', disconnect, 'allow-oom')
register('release', release, 'allow-oom')
register('resume', resume, 'allow-oom')
register('trim', trim, 'allow-oom')
register('beat', beat, 'allow-oom')
register('desire', desire, 'allow-oom')
register('request', request, 'allow-oom')

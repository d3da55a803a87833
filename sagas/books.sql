-- What must be true of the money, as queries that return the rows where it is not.
-- Each begins with its name and a sentence; `manage.py verify_books` runs them all, and so can psql.
-- A run is live while it is RUNNING, WAITING, COMPENSATING or PARKED; its key begins with its order.

-- name: I01 journal balanced
-- In every journal debits equal credits, on each layer and in each currency.
SELECT journal_id, layer, currency,
       sum(CASE side WHEN 'D' THEN amount ELSE -amount END) AS difference
  FROM escrow_entry
 GROUP BY journal_id, layer, currency
HAVING sum(CASE side WHEN 'D' THEN amount ELSE -amount END) <> 0;

-- name: I02 world sums to zero
-- All entries together sum to zero, on each layer and in each currency.
SELECT layer, currency, sum(CASE side WHEN 'D' THEN amount ELSE -amount END) AS difference
  FROM escrow_entry
 GROUP BY layer, currency
HAVING sum(CASE side WHEN 'D' THEN amount ELSE -amount END) <> 0;

-- name: I03 no overdraft
-- No account that may not be overdrawn is below zero, on either layer.
SELECT a.id AS account_id, a.code, a.order_id, e.layer,
       sum(CASE e.side WHEN a.normal_side THEN e.amount ELSE -e.amount END) AS balance
  FROM escrow_account a JOIN escrow_entry e ON e.account_id = a.id
 WHERE a.no_overdraft
 GROUP BY a.id, e.layer
HAVING sum(CASE e.side WHEN a.normal_side THEN e.amount ELSE -e.amount END) < 0;

-- name: I04 no empty journal
-- Every journal has entries.
SELECT j.id AS journal_id, j.key
  FROM escrow_journal j
 WHERE NOT EXISTS (SELECT FROM escrow_entry e WHERE e.journal_id = j.id);

-- name: I05 finished order left nothing
-- A finished order leaves every one of its accounts at zero, on either layer; what is owed to or by
-- a payee stands on that payee's.
SELECT o.id AS order_id, o.status, a.code, e.layer,
       sum(CASE e.side WHEN a.normal_side THEN e.amount ELSE -e.amount END) AS balance
  FROM orders_order o
  JOIN escrow_account a ON a.order_id = o.id AND a.owner IS NULL
  JOIN escrow_entry e ON e.account_id = a.id
 WHERE o.status IN ('COMPLETED', 'CANCELLED')
 GROUP BY o.id, a.id, e.layer
HAVING sum(CASE e.side WHEN a.normal_side THEN e.amount ELSE -e.amount END) <> 0;

-- name: I06 open order is covered
-- An order on its way has a hold of exactly its total, and that much is authorized on the card; of
-- one that is delivered it may have been taken, and passed on, by hand.
SELECT o.id AS order_id, o.status, o.total, o.currency,
       h.status AS hold, h.total AS held, p.status AS payment, p.amount AS authorized
  FROM orders_order o
  LEFT JOIN escrow_hold h ON h.order_id = o.id
  LEFT JOIN payments_payment p ON p.order_id = o.id
 WHERE o.status IN ('CREATED', 'ACCEPTED', 'PLACED', 'ON_THE_WAY', 'DELIVERED')
   AND (h.status, h.total, p.status, p.amount)
       IS DISTINCT FROM ('HELD', o.total, 'AUTHORIZED', o.total)
   AND NOT (o.status = 'DELIVERED' AND h.status IN ('CAPTURED', 'RELEASED')
            AND (h.total, p.status, p.captured_amount) = (o.total, 'CAPTURED', o.total))
   -- A hold that lapsed under its order has a due event, or the run that it started, to end it.
   AND NOT (p.status = 'LAPSED'
            AND EXISTS (SELECT FROM scheduler_scheduledevent s
                         WHERE s.entity_id = o.id AND s.event_type = 'PAYMENT_AUTHORIZATION_EXPIRY'
                           AND s.status IN ('PENDING', 'FIRED')));

-- name: I07 shares add up
-- Food, delivery and platform fee make the total, and the lines of an order make its food.
SELECT 'order' AS what, id, total FROM orders_order WHERE total <> food_fee + delivery_fee + platform_fee
 UNION ALL
SELECT 'hold', id, total FROM escrow_hold WHERE total <> food_fee + delivery_fee + platform_fee
 UNION ALL
SELECT 'lines', o.id, o.food_fee
  FROM orders_order o LEFT JOIN orders_orderitem i ON i.order_id = o.id
 GROUP BY o.id
HAVING o.food_fee <> coalesce(sum(i.unit_price * i.quantity), 0);

-- name: I08 operation asks for its payment
-- An operation is about its payment's order and for no more than its amount, and the payment about
-- its order's; what is given back or paid on is never more than what was captured, or written off.
SELECT 'operation' AS what, op.id, op.order_id, op.amount, p.amount AS expected
  FROM payments_operation op JOIN payments_payment p ON p.id = op.payment_id
 WHERE op.order_id <> p.order_id OR op.amount > p.amount
    OR (op.kind IN ('authorize', 'void', 'charge') AND op.amount <> p.amount)
 UNION ALL
SELECT 'payment', p.id, p.order_id, p.amount, o.total
  FROM payments_payment p JOIN orders_order o ON o.id = p.order_id
 WHERE p.amount <> o.total OR p.customer_id <> o.customer_id
 UNION ALL
SELECT 'beyond the capture', p.id, p.order_id, x.amount, p.captured_amount
  FROM payments_payment p
  JOIN (SELECT payment_id, sum(amount) AS amount
          FROM payments_operation
         WHERE state <> 'failed' AND (kind = 'refund' OR kind LIKE 'transfer\_%')
         GROUP BY payment_id, kind = 'refund') x ON x.payment_id = p.id
 WHERE x.amount > CASE p.status WHEN 'WRITTEN_OFF' THEN p.amount ELSE p.captured_amount END;

-- name: I09 one live operation
-- An order has at most one operation of a kind that has not failed.
SELECT order_id, kind, count(*) AS operations
  FROM payments_operation
 WHERE state <> 'failed'
 GROUP BY order_id, kind
HAVING count(*) > 1;

-- name: I10 payment says what happened
-- A payment's status and amounts are what its operations came to; what was captured was not voided.
WITH known AS (
    SELECT p.id, p.order_id, p.status, p.payment_intent, p.captured_amount, p.refunded_amount,
           max(op.stripe_id) FILTER (WHERE op.kind = 'authorize' AND op.state = 'succeeded') AS held,
           coalesce(bool_or(op.kind = 'authorize' AND op.state <> 'failed'), false) AS may_be_held,
           coalesce(bool_or(op.kind = 'void' AND op.state = 'succeeded'), false) AS voided,
           coalesce(bool_or(op.kind = 'capture' AND op.state = 'succeeded'), false) AS taken,
           coalesce(sum(op.amount) FILTER (
               WHERE op.kind IN ('capture', 'charge') AND op.state = 'succeeded'), 0) AS captured,
           coalesce(sum(op.amount) FILTER (WHERE op.kind = 'refund' AND op.state = 'succeeded'), 0)
               AS refunded
      FROM payments_payment p LEFT JOIN payments_operation op ON op.payment_id = p.id
     GROUP BY p.id
)
SELECT id AS payment_id, order_id, status, held AS intent, voided, captured, refunded
  FROM known
 WHERE (captured_amount, refunded_amount) <> (captured, refunded)
    OR (voided AND taken)
    OR CASE status
           WHEN 'AUTHORIZING' THEN held IS NOT NULL OR voided
           WHEN 'AUTHORIZED' THEN held IS DISTINCT FROM payment_intent OR voided OR captured > 0
           WHEN 'FAILED' THEN may_be_held
           WHEN 'RELEASING' THEN voided
           WHEN 'RELEASED' THEN held IS NULL OR NOT voided
           WHEN 'LAPSED' THEN held IS NULL OR captured > 0
           WHEN 'CAPTURING' THEN held IS NULL OR captured > 0
           WHEN 'CAPTURED' THEN captured = 0 OR refunded > 0
           WHEN 'REFUNDING' THEN captured = 0 OR refunded > 0
           WHEN 'PARTLY_REFUNDED' THEN refunded NOT BETWEEN 1 AND captured - 1
           WHEN 'REFUNDED' THEN captured = 0 OR refunded <> captured
           WHEN 'WRITTEN_OFF' THEN held IS NULL OR captured > 0
           WHEN 'REFUND_FAILED' THEN NOT EXISTS (
               SELECT FROM payments_refund r
                WHERE r.payment_id = known.id AND r.failed_at IS NOT NULL AND r.repaid_at IS NULL)
           WHEN 'REPAID' THEN NOT EXISTS (
               SELECT FROM payments_refund r
                WHERE r.payment_id = known.id AND r.repaid_at IS NOT NULL)
           ELSE true
       END;

-- name: I11 no forgotten unknown
-- An unresolved operation has a time at which it is looked into, and after 48 hours a person.
SELECT id AS operation_id, order_id, kind, state, sent_at, next_try_at
  FROM payments_operation
 WHERE state IN ('sent', 'unknown')
   AND (next_try_at IS NULL OR sent_at < now() - interval '48 hours');

-- name: I12 held money is booked once
-- A succeeded authorization has one hold in the books, unless a run is still at work on the order
-- or the money goes back; a failed one has none.
SELECT op.id AS operation_id, op.order_id, op.state, count(j.id) AS journals
  FROM payments_operation op
  JOIN payments_payment p ON p.id = op.payment_id
  LEFT JOIN escrow_journal j ON j.operation_id = op.id AND j.kind = 'hold'
 WHERE op.kind = 'authorize' AND op.state IN ('succeeded', 'failed')
 GROUP BY op.id, p.status
HAVING CASE
           WHEN op.state = 'failed' THEN count(j.id) > 0
           WHEN count(j.id) > 0 THEN count(j.id) > 1
           ELSE p.status NOT IN ('RELEASING', 'RELEASED') AND NOT EXISTS (
               SELECT FROM sagas_run r
                WHERE r.saga = 'create_order' AND r.key = op.order_id::text
                  AND r.status IN ('RUNNING', 'WAITING', 'COMPENSATING', 'PARKED'))
       END;

-- name: I13 payout follows capture
-- Nobody is paid for an order before its money was taken, or the platform bears it, and its delivery,
-- or what was done of it, is over.
SELECT t.id AS operation_id, t.order_id, t.kind, o.status
  FROM payments_operation t LEFT JOIN orders_order o ON o.id = t.order_id
 WHERE t.kind LIKE 'transfer\_%' AND t.state <> 'failed'
   AND (coalesce(o.status, '') NOT IN ('COMPLETING', 'COMPLETED', 'CANCELLING', 'CANCELLED')
        OR NOT EXISTS (SELECT FROM payments_operation c
                        WHERE c.payment_id = t.payment_id AND c.kind IN ('capture', 'charge')
                          AND c.state = 'succeeded')
        AND NOT EXISTS (SELECT FROM escrow_hold h
                         WHERE h.order_id = t.order_id AND h.status = 'WRITTEN_OFF'));

-- name: I14 payout goes to the order's own payee
-- What is owed or paid for an order is owed and paid to its own restaurant and runner.
SELECT 'account' AS what, a.id::text, a.order_id, a.owner::text AS payee
  FROM escrow_account a JOIN orders_order o ON o.id = a.order_id
 WHERE (a.code = 'restaurant_payable' AND a.owner IS DISTINCT FROM o.restaurant_id)
    OR (a.code = 'runner_payable' AND a.owner IS DISTINCT FROM o.runner_id)
    OR (a.code = 'payee_receivable' AND a.owner IS DISTINCT FROM o.restaurant_id
        AND a.owner IS DISTINCT FROM o.runner_id)
 UNION ALL
SELECT 'transfer', t.id::text, t.order_id, t.params ->> 'destination'
  FROM payments_operation t
  JOIN orders_order o ON o.id = t.order_id
  JOIN orders_restaurant k ON k.id = o.restaurant_id
  -- An account may have been replaced since; it may not be somebody else's.
  JOIN users_payoutaccount a ON a.stripe_account_id = t.params ->> 'destination'
 WHERE (t.kind = 'transfer_restaurant' AND a.user_id <> k.owner_id)
    OR (t.kind = 'transfer_runner' AND a.user_id IS DISTINCT FROM o.runner_id);

-- name: I15 runner where needed
-- An order has a runner exactly in the states that need one.
SELECT id AS order_id, status, runner_id
  FROM orders_order
 WHERE (status IN ('PENDING', 'AWAITING_PAYMENT', 'CREATED') AND runner_id IS NOT NULL)
    OR (status IN ('ACCEPTED', 'PLACED', 'ON_THE_WAY', 'DELIVERED', 'COMPLETING', 'COMPLETED',
                   'COMPLETED_UNPAID') AND runner_id IS NULL);

-- name: I16 captured is passed on
-- What the customer of an ended order paid, still owes, or the platform bears for them, is owed, to
-- the cent, to restaurant, runner and platform, without what went back from escrow.
SELECT o.id AS order_id, o.status, p.captured_amount, coalesce(b.passed_on, 0) AS passed_on,
       coalesce(b.went_back, 0) AS went_back, coalesce(b.unpaid, 0) AS unpaid
  FROM orders_order o
  JOIN payments_payment p ON p.order_id = o.id
  LEFT JOIN (
       SELECT j.order_id,
              sum(e.amount) FILTER (
                  WHERE j.kind IN ('release', 'claim') AND e.side = 'C') AS passed_on,
              sum(CASE e.side WHEN 'D' THEN e.amount ELSE -e.amount END) FILTER (
                  WHERE a.code IN ('customer_claim', 'subsidy')) AS unpaid,
              sum(CASE e.side WHEN 'D' THEN e.amount ELSE -e.amount END) FILTER (
                  WHERE j.kind IN ('refund', 'refund_failed') AND a.code LIKE 'escrow\_%')
                  AS went_back
         FROM escrow_journal j
         JOIN escrow_entry e ON e.journal_id = j.id AND e.layer = 'posted'
         JOIN escrow_account a ON a.id = e.account_id
        GROUP BY j.order_id) b ON b.order_id = o.id
 WHERE o.status IN ('COMPLETED', 'COMPLETED_UNPAID', 'CANCELLED')
   AND p.captured_amount + coalesce(b.unpaid, 0)
       <> coalesce(b.passed_on, 0) + coalesce(b.went_back, 0)
   AND NOT (o.status = 'COMPLETED_UNPAID' AND EXISTS (
            SELECT FROM sagas_run r
             WHERE r.saga = 'settle_claim' AND r.key = o.id::text
               AND r.status IN ('RUNNING', 'WAITING', 'COMPENSATING', 'PARKED')));

-- name: I17 call that moved money is booked once
-- Each capture, charge, refund, transfer and reversal that Stripe did has one journal of its amount, unless a
-- run is still at work on the order; one that failed has none.
SELECT op.id AS operation_id, op.order_id, op.kind, op.state, op.amount, count(j.id) AS journals,
       sum(b.amount) AS booked
  FROM payments_operation op
  LEFT JOIN escrow_journal j
    ON j.operation_id = op.id
   AND j.kind = CASE op.kind WHEN 'capture' THEN 'capture' WHEN 'charge' THEN 'settle_claim'
                             WHEN 'refund' THEN 'refund_done'
                             WHEN 'transfer_restaurant' THEN 'pay_out'
                             WHEN 'transfer_runner' THEN 'pay_out' ELSE 'reverse_payout' END
  LEFT JOIN (
       SELECT e.journal_id, max(e.amount) AS amount
         FROM escrow_account a JOIN escrow_entry e ON e.account_id = a.id
        WHERE a.code = 'stripe_clearing'
        GROUP BY e.journal_id) b ON b.journal_id = j.id
 WHERE op.kind NOT IN ('authorize', 'void') AND op.state IN ('succeeded', 'failed')
 GROUP BY op.id
HAVING CASE
           WHEN op.state = 'failed' THEN count(j.id) > 0
           WHEN count(j.id) = 0 THEN NOT EXISTS (
               SELECT FROM sagas_run r
                WHERE split_part(r.key, ':', 1) = op.order_id::text
                  AND r.status IN ('RUNNING', 'WAITING', 'COMPENSATING', 'PARKED'))
           ELSE count(j.id) > 1 OR sum(b.amount) <> op.amount
       END;

-- name: I18 clearing is what stands at Stripe
-- What an order's journals left on the clearing account is what Stripe took, less its fee, less what
-- it gave back and paid on, unless a run is still at work on the order; and what differs from
-- Stripe's own balance transactions is explained within a day.
SELECT p.order_id, s.stands, coalesce(b.booked, 0) AS booked
  FROM payments_payment p
 CROSS JOIN LATERAL (
       SELECT p.captured_amount - p.stripe_fee
              + coalesce(sum(CASE WHEN op.kind LIKE 'reverse\_%' THEN op.amount
                                  WHEN op.kind LIKE 'transfer\_%' OR op.kind = 'refund'
                                  THEN -op.amount END), 0)
              -- Refunds that came back, and what banks took for their customers.
              + coalesce((SELECT sum(r.amount) FROM payments_refund r
                           WHERE r.payment_id = p.id AND r.was_sent
                             AND r.failed_at IS NOT NULL), 0)
              - coalesce((SELECT sum(d.withdrawn - d.reinstated + d.fee) FROM payments_dispute d
                           WHERE d.payment_id = p.id), 0) AS stands
         FROM payments_operation op
        WHERE op.payment_id = p.id AND op.state = 'succeeded') s
  LEFT JOIN (
       SELECT j.order_id, sum(CASE e.side WHEN 'D' THEN e.amount ELSE -e.amount END) AS booked
         FROM escrow_journal j
         JOIN escrow_entry e ON e.journal_id = j.id
         JOIN escrow_account a ON a.id = e.account_id AND a.code = 'stripe_clearing'
        GROUP BY j.order_id) b ON b.order_id = p.order_id
 WHERE s.stands <> coalesce(b.booked, 0)
   AND NOT EXISTS (SELECT FROM sagas_run r
                    WHERE split_part(r.key, ':', 1) = p.order_id::text
                      AND r.status IN ('RUNNING', 'WAITING', 'COMPENSATING', 'PARKED'))
 UNION ALL
SELECT b.order_id, b.amount, 0
  FROM payments_break b
 WHERE b.resolved_at IS NULL AND b.found_at < now() - interval '24 hours';

-- name: I19 refund in flight is seen to
-- What is promised back to a customer has an operation under way, a run at work on it, or a person.
SELECT a.order_id, sum(CASE e.side WHEN 'C' THEN e.amount ELSE -e.amount END) AS in_flight
  FROM escrow_account a JOIN escrow_entry e ON e.account_id = a.id
 WHERE a.code = 'refund_in_flight'
   AND NOT EXISTS (SELECT FROM payments_operation op
                    WHERE op.order_id = a.order_id AND op.kind = 'refund'
                      AND op.state IN ('sent', 'unknown', 'needs_operator'))
   AND NOT EXISTS (SELECT FROM sagas_run r
                    WHERE split_part(r.key, ':', 1) = a.order_id::text
                      AND r.status IN ('RUNNING', 'WAITING', 'COMPENSATING', 'PARKED'))
 GROUP BY a.order_id
HAVING sum(CASE e.side WHEN 'C' THEN e.amount ELSE -e.amount END) <> 0;

-- name: I20 no hold near its end
-- The card's promise to an order on its way lasts at least another 12 hours.
SELECT o.id AS order_id, o.status, p.payment_intent, p.capture_before
  FROM orders_order o JOIN payments_payment p ON p.order_id = o.id
 WHERE o.status IN ('CREATED', 'ACCEPTED', 'PLACED', 'ON_THE_WAY', 'DELIVERED', 'COMPLETING')
   AND p.status = 'AUTHORIZED'
   AND p.capture_before < now() + interval '12 hours';

-- name: I21 history walks allowed edges
-- An order's events lead from PENDING along allowed edges only.
WITH allowed (source, target) AS (VALUES
    ('PENDING', 'AWAITING_PAYMENT'), ('PENDING', 'CREATED'), ('PENDING', 'CANCELLED'),
    ('AWAITING_PAYMENT', 'CREATED'), ('AWAITING_PAYMENT', 'CANCELLED'),
    ('CREATED', 'ACCEPTED'), ('CREATED', 'CANCELLING'),
    ('ACCEPTED', 'PLACED'), ('ACCEPTED', 'CREATED'), ('ACCEPTED', 'CANCELLING'),
    ('PLACED', 'ON_THE_WAY'), ('PLACED', 'CANCELLING'),
    ('ON_THE_WAY', 'DELIVERED'), ('ON_THE_WAY', 'CANCELLING'),
    ('DELIVERED', 'COMPLETING'), ('DELIVERED', 'CANCELLING'),
    ('COMPLETING', 'COMPLETED'), ('COMPLETING', 'COMPLETED_UNPAID'), ('COMPLETING', 'DELIVERED'),
    ('COMPLETED_UNPAID', 'COMPLETED'),
    ('CANCELLING', 'CANCELLED'), ('CANCELLING', 'CREATED'), ('CANCELLING', 'ACCEPTED'),
    ('CANCELLING', 'PLACED'), ('CANCELLING', 'ON_THE_WAY'), ('CANCELLING', 'DELIVERED')
), walked AS (
    SELECT b.aggregateid, b.aggversion, b.payload ->> 'status' AS target,
           lag(b.payload ->> 'status') OVER (PARTITION BY b.aggregateid ORDER BY b.aggversion) AS source
      FROM events_outboxevent b JOIN orders_order o ON o.id = b.aggregateid
     WHERE b.aggregatetype = 'order' AND b.type LIKE 'order.%'
       AND b.type NOT IN ('order.timed_out', 'order.overdue', 'order.rated', 'order.pin_overridden')
)
SELECT w.aggregateid AS order_id, w.aggversion AS version, w.source, w.target
  FROM walked w LEFT JOIN allowed a USING (source, target)
 WHERE (w.source IS NOT NULL AND a.source IS NULL)
    OR (w.source IS NULL AND w.aggversion = 1 AND w.target <> 'PENDING');

-- name: I22 versions without a gap
-- An order's events are numbered without a gap, up to where their counter stands.
SELECT aggregateid AS order_id, lowest, highest, events, s.version AS counter
  FROM (SELECT aggregatetype, aggregateid, min(aggversion) AS lowest, max(aggversion) AS highest,
               count(*) AS events
          FROM events_outboxevent GROUP BY aggregatetype, aggregateid) b
  LEFT JOIN events_stream s USING (aggregatetype, aggregateid)
 WHERE highest - lowest + 1 <> events OR highest IS DISTINCT FROM s.version;

-- name: I23 order stands where its events say
-- An order's status is that of its latest event and of its latest time, and its version counts
-- its changes of status.
SELECT o.id AS order_id, o.status, o.version, told.latest, told.changes
  FROM orders_order o
  LEFT JOIN (SELECT aggregateid, min(aggversion) AS lowest, count(*) AS changes,
                    (array_agg(payload ->> 'status' ORDER BY aggversion DESC))[1] AS latest
               FROM events_outboxevent
              WHERE aggregatetype = 'order' AND type LIKE 'order.%'
                -- These tell of something else than a change of status.
                AND type NOT IN ('order.timed_out', 'order.overdue', 'order.rated',
                                 'order.pin_overridden')
              GROUP BY aggregateid) told ON told.aggregateid = o.id
 WHERE (told.latest IS DISTINCT FROM o.status
        -- Of an order that ended long ago no event is left; its counter says there were some.
        AND (told.latest IS NOT NULL
             OR NOT EXISTS (SELECT FROM events_stream s WHERE s.aggregateid = o.id)))
    -- Old events may be gone from the outbox; only a whole history can be counted.
    OR (told.lowest = 1 AND told.changes <> o.version)
    OR (to_jsonb(o) ->> (lower(o.status) || '_at'))::timestamptz IS DISTINCT FROM greatest(
           pending_at, awaiting_payment_at, created_at, accepted_at, placed_at, on_the_way_at,
           delivered_at, completing_at, completed_at, completed_unpaid_at, cancelling_at,
           cancelled_at);

-- name: I24 outbox is being drained
-- No event waits for a relay longer than a minute.
SELECT id AS event_id, type, created_at
  FROM events_outboxevent
 WHERE published_at IS NULL AND created_at < now() - interval '60 s';

-- name: I25 every consumer handled every published event
-- Five minutes after an event was published each consumer has it in its inbox. A dead letter counts
-- until it is redriven; what is older than a week Kafka no longer has.
SELECT b.id AS event_id, b.type, c.name AS consumer, b.published_at
  FROM events_outboxevent b
 -- Which consumers there are only the settings know; in psql this is empty.
 CROSS JOIN jsonb_array_elements_text(
       coalesce(nullif(current_setting('campusg.consumers', true), ''), '[]')::jsonb) c (name)
 WHERE b.published_at BETWEEN now() - interval '7 days' AND now() - interval '5 minutes'
   AND NOT EXISTS (SELECT FROM events_inboxevent i
                    WHERE i.event_id = b.id AND i.consumer = c.name);

-- name: I26 webhooks processed
-- No event of Stripe's is left lying for five minutes after it, or its next try, was due.
SELECT id AS event_id, type, object_id, tries, received_at, next_try_at
  FROM payments_stripeevent
 WHERE state = 'received'
   AND coalesce(next_try_at, received_at) < now() - interval '5 minutes'
   AND coalesce(busy_until, received_at) < now() - interval '5 minutes';

-- name: I27 no stuck idempotency key
-- A client's key is written with its answer, in one transaction: none is without.
SELECT id AS key_id, route, key, created_at FROM api_idempotencykey WHERE status_code IS NULL;

-- name: I28 one currency per order
-- Payment, operations, hold and entries of an order are in the order's currency.
SELECT DISTINCT o.id AS order_id, o.currency, x.what, x.currency AS other
  FROM orders_order o
  JOIN (SELECT order_id, currency, 'payment' AS what FROM payments_payment
         UNION ALL
        SELECT order_id, currency, 'operation' FROM payments_operation
         UNION ALL
        SELECT order_id, currency, 'hold' FROM escrow_hold
         UNION ALL
        SELECT j.order_id, e.currency, 'entry'
          FROM escrow_journal j JOIN escrow_entry e ON e.journal_id = j.id) x
    ON x.order_id = o.id AND x.currency <> o.currency;

-- name: I29 manual money has reason and person
-- Whoever moved money by hand, or acted on a run, is known and has said why; above the limit
-- somebody else had approved it.
WITH by_hand AS (
    SELECT * FROM sagas_run
     WHERE saga IN ('authorize_payment', 'hold_escrow', 'capture_payment', 'release_escrow',
                    'release_payment', 'cancel_escrow', 'refund_order', 'decide_disputed',
                    'repaid_otherwise')
)
SELECT 'run' AS what, r.id::text, r.saga AS act
  FROM by_hand r
 WHERE coalesce(r.facts ->> 'reason', '') = '' OR coalesce(r.facts ->> 'by_user_id', '') = ''
 UNION ALL
SELECT 'alone', r.id::text, r.saga
  FROM by_hand r
 WHERE (r.facts ->> 'total')::bigint > (r.facts ->> 'approval_limit')::bigint
   AND NOT EXISTS (SELECT FROM sagas_action a
                    WHERE a.id = (r.facts ->> 'approval_id')::bigint
                      AND a.name = 'approve' AND a.saga = r.saga
                      AND a.before ->> 'order_id' = r.facts ->> 'order_id'
                      AND a.before ->> 'by_user_id' <> r.facts ->> 'by_user_id')
 UNION ALL
SELECT 'act', a.id::text, a.name
  FROM sagas_action a
 WHERE trim(a.reason) = '' OR a.actor = '';

-- name: I30 no card number at rest
-- Nothing that is kept looks like a card number; the digits inside a UUID don't count.
SELECT what, id
  FROM (SELECT 'event' AS what, id::text, payload::text AS kept FROM events_outboxevent
         UNION ALL
        SELECT 'due event', id::text, payload::text FROM scheduler_scheduledevent
         UNION ALL
        SELECT 'operation', id::text, params::text || message FROM payments_operation
         UNION ALL
        SELECT 'run', id::text, facts::text || reason FROM sagas_run
         UNION ALL
        SELECT 'step', id::text, error FROM sagas_steplog WHERE error <> '') at_rest
 -- Nearly nothing looks like one even with its UUIDs, so few are looked at twice.
 WHERE CASE WHEN kept ~ '[2-6](?:[ -]?\d){12}'
            THEN regexp_replace(kept, '[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}', '', 'g')
                 ~ '\m[2-6](?:[ -]?\d){12,18}\M' END;

-- name: I31 nothing open past its deadline
-- No order still waits for its money 20 minutes after it was placed with no run to bring it.
SELECT o.id AS order_id, o.status, o.pending_at
  FROM orders_order o
 WHERE o.status IN ('PENDING', 'AWAITING_PAYMENT')
   AND o.pending_at < now() - interval '20 minutes'
   AND NOT EXISTS (SELECT FROM sagas_run r
                    WHERE r.saga = 'create_order' AND r.key = o.id::text
                      AND r.status IN ('RUNNING', 'WAITING', 'COMPENSATING', 'PARKED'));

-- name: I32 reversal mirrors its original
-- A journal that reverses another has the same entries with their sides exchanged.
SELECT r.id AS journal_id, r.reverses_id
  FROM escrow_journal r
 WHERE r.reverses_id IS NOT NULL
   AND EXISTS (
       (SELECT account_id, layer, side, amount, currency
          FROM escrow_entry WHERE journal_id = r.id
        EXCEPT ALL
        SELECT account_id, layer, CASE side WHEN 'D' THEN 'C' ELSE 'D' END, amount, currency
          FROM escrow_entry WHERE journal_id = r.reverses_id)
        UNION ALL
       (SELECT account_id, layer, CASE side WHEN 'D' THEN 'C' ELSE 'D' END, amount, currency
          FROM escrow_entry WHERE journal_id = r.reverses_id
        EXCEPT ALL
        SELECT account_id, layer, side, amount, currency
          FROM escrow_entry WHERE journal_id = r.id));

-- name: I33 hold is what the books say
-- While a hold stands its customer's and its three escrow accounts hold its amounts, pending; once it
-- is captured escrow holds, posted, what the customer has not got back; then nothing.
SELECT h.id AS hold_id, h.order_id, h.status, h.total, layer, customer, food, delivery, platform
  FROM escrow_hold h
 CROSS JOIN (VALUES ('pending', 'HELD'), ('posted', 'CAPTURED')) expected (layer, status)
  LEFT JOIN (
       SELECT a.order_id, e.layer,
              sum(signed) FILTER (WHERE a.code = 'customer_hold') AS customer,
              sum(signed) FILTER (WHERE a.code = 'escrow_food') AS food,
              sum(signed) FILTER (WHERE a.code = 'escrow_delivery') AS delivery,
              sum(signed) FILTER (WHERE a.code = 'escrow_platform') AS platform
         FROM escrow_account a
         JOIN escrow_entry e ON e.account_id = a.id
        CROSS JOIN LATERAL (
              SELECT CASE e.side WHEN a.normal_side THEN e.amount ELSE -e.amount END AS signed) s
        GROUP BY a.order_id, e.layer) books USING (order_id, layer)
 WHERE ROW(coalesce(customer, 0), coalesce(food, 0), coalesce(delivery, 0), coalesce(platform, 0))
       <> CASE
              WHEN h.status <> expected.status THEN ROW(0::numeric, 0::numeric, 0::numeric, 0::numeric)
              WHEN layer = 'pending' THEN ROW(h.total::numeric, h.food_fee::numeric,
                                              h.delivery_fee::numeric, h.platform_fee::numeric)
              ELSE ROW(0::numeric, (h.captured_food - h.refunded_food)::numeric,
                       (h.captured_delivery - h.refunded_delivery)::numeric,
                       (h.captured_platform - h.refunded_platform)::numeric)
          END;

-- name: I34 cancelled order holds nobody's money
-- A cancelled order has no hold and no authorization, unless a run or an operation still sees to it.
SELECT o.id AS order_id, h.status AS hold, p.status AS payment, p.payment_intent
  FROM orders_order o
  LEFT JOIN escrow_hold h ON h.order_id = o.id
  LEFT JOIN payments_payment p ON p.order_id = o.id
 WHERE o.status = 'CANCELLED'
   AND (h.status IN ('HELD', 'CAPTURED') OR p.status IN ('AUTHORIZED', 'CAPTURING'))
   AND NOT EXISTS (SELECT FROM sagas_run r
                    WHERE split_part(r.key, ':', 1) = o.id::text
                      AND r.status IN ('RUNNING', 'WAITING', 'COMPENSATING', 'PARKED'));

-- name: I35 standing hold has its authorization
-- A hold stands only on the succeeded authorization of the same order, while that is neither taken
-- nor given back, unless a run is at work on the order.
SELECT h.id AS hold_id, h.order_id, h.payment_operation_id, op.state, p.status AS payment
  FROM escrow_hold h
  JOIN orders_order o ON o.id = h.order_id
  LEFT JOIN payments_operation op
    ON op.id = h.payment_operation_id AND op.order_id = h.order_id AND op.kind = 'authorize'
  LEFT JOIN payments_payment p ON p.id = op.payment_id
 WHERE h.status = 'HELD'
   AND (op.state IS DISTINCT FROM 'succeeded'
        OR (p.status <> 'AUTHORIZED'
            AND NOT EXISTS (SELECT FROM sagas_run r
                             WHERE split_part(r.key, ':', 1) = h.order_id::text
                               AND r.status IN ('RUNNING', 'WAITING', 'COMPENSATING', 'PARKED'))));

-- name: I36 release is seen to
-- A payment that is being given back has a run at work on it, an operation still watched, or a person.
SELECT p.id AS payment_id, p.order_id, p.payment_intent
  FROM payments_payment p
 WHERE p.status = 'RELEASING'
   AND NOT EXISTS (SELECT FROM payments_operation op
                    WHERE op.payment_id = p.id AND op.state IN ('sent', 'unknown', 'needs_operator'))
   AND NOT EXISTS (SELECT FROM sagas_run r
                    WHERE r.key = p.order_id::text
                      AND r.status IN ('RUNNING', 'WAITING', 'COMPENSATING', 'PARKED'));

-- name: I37 created order has its timeout
-- An order that waits for a runner has its ORDER_TIMEOUT, pending or fired, five minutes after it
-- opened at the latest (upkeep sets one that its run could not set).
SELECT o.id AS order_id, o.created_at
  FROM orders_order o
 WHERE o.status = 'CREATED' AND o.created_at < now() - interval '5 minutes'
   AND NOT EXISTS (SELECT FROM scheduler_scheduledevent s
                    WHERE s.entity_id = o.id AND s.event_type = 'ORDER_TIMEOUT'
                      AND s.status IN ('PENDING', 'FIRED'));

-- name: I38 nothing without its order
-- Payments, holds and journals are about orders that exist.
SELECT what, id, x.order_id
  FROM (SELECT 'payment' AS what, id::text, order_id FROM payments_payment
         UNION ALL
        SELECT 'hold', id::text, order_id FROM escrow_hold
         UNION ALL
        SELECT 'journal', id::text, order_id FROM escrow_journal WHERE order_id IS NOT NULL) x
 WHERE NOT EXISTS (SELECT FROM orders_order o WHERE o.id = x.order_id);

-- name: I39 what is owed is being paid
-- Whoever is owed for an ended order has a run that pays them, unless the customer still owes it to us.
SELECT a.order_id, a.code, a.owner, a.currency,
       sum(CASE e.side WHEN 'C' THEN e.amount ELSE -e.amount END) AS owed
  FROM escrow_account a
  JOIN orders_order o ON o.id = a.order_id
  JOIN escrow_entry e ON e.account_id = a.id
 WHERE a.code IN ('restaurant_payable', 'runner_payable') AND o.status IN ('COMPLETED', 'CANCELLED')
   AND NOT EXISTS (SELECT FROM sagas_run r
                    WHERE split_part(r.key, ':', 1) = a.order_id::text
                      AND r.status IN ('RUNNING', 'WAITING', 'COMPENSATING', 'PARKED'))
 GROUP BY a.id
HAVING sum(CASE e.side WHEN 'C' THEN e.amount ELSE -e.amount END) <> 0;

-- name: I40 unpaid order has its claim
-- A customer owes us the total of an order that is COMPLETED_UNPAID, and of no other, unless a run is
-- just seeing to it.
SELECT o.id AS order_id, o.status, o.total, coalesce(c.owed, 0) AS owed
  FROM orders_order o
  LEFT JOIN (SELECT a.order_id, sum(CASE e.side WHEN 'D' THEN e.amount ELSE -e.amount END) AS owed
               FROM escrow_account a JOIN escrow_entry e ON e.account_id = a.id
              WHERE a.code = 'customer_claim' GROUP BY a.order_id) c ON c.order_id = o.id
 WHERE coalesce(c.owed, 0) <> CASE o.status WHEN 'COMPLETED_UNPAID' THEN o.total ELSE 0 END
   AND NOT (o.status IN ('COMPLETING', 'COMPLETED_UNPAID') AND EXISTS (
            SELECT FROM sagas_run r
             WHERE r.saga = CASE o.status WHEN 'COMPLETING' THEN 'complete_order'
                                          ELSE 'settle_claim' END
               AND r.key = o.id::text
               AND r.status IN ('RUNNING', 'WAITING', 'COMPENSATING', 'PARKED')));

-- name: I41 debts are set off within one payee
-- What is kept back of a payout settles debts of the same payee, and nothing else.
SELECT j.id AS journal_id, j.order_id, a.code, a.owner, e.side
  FROM escrow_journal j
  JOIN escrow_entry e ON e.journal_id = j.id
  JOIN escrow_account a ON a.id = e.account_id
  JOIN escrow_entry d ON d.journal_id = j.id AND d.side = 'D'
  JOIN escrow_account p ON p.id = d.account_id
 WHERE j.kind = 'set_off'
   AND (a.owner IS DISTINCT FROM p.owner
        OR CASE e.side WHEN 'D' THEN a.code NOT IN ('restaurant_payable', 'runner_payable')
                       ELSE a.code <> 'payee_receivable' END);

-- name: I42 disputed money is booked
-- What banks took of an order and have not given back is receivable while they decide, and then lost,
-- to the cent.
SELECT order_id, coalesce(d.gone, 0) AS gone, coalesce(b.receivable, 0) AS receivable,
       coalesce(b.lost, 0) AS lost
  FROM (SELECT order_id, sum(withdrawn - reinstated) AS gone,
               -- Won, it may still be on its way back.
               bool_and(closed_at IS NOT NULL AND status <> 'won') AS is_lost
          FROM payments_dispute GROUP BY order_id) d
  FULL JOIN (
       SELECT j.order_id,
              sum(signed) FILTER (WHERE a.code = 'dispute_receivable') AS receivable,
              -- What was not paid to payees made up for a part of it.
              sum(signed) FILTER (WHERE a.code = 'dispute_losses' AND j.kind <> 'withheld') AS lost
         FROM escrow_account a
         JOIN escrow_entry e ON e.account_id = a.id
         JOIN escrow_journal j ON j.id = e.journal_id
        CROSS JOIN LATERAL (
              SELECT CASE e.side WHEN 'D' THEN e.amount ELSE -e.amount END AS signed) s
        WHERE a.code IN ('dispute_receivable', 'dispute_losses')
        GROUP BY j.order_id) b USING (order_id)
 WHERE coalesce(d.gone, 0) <> coalesce(b.receivable, 0) + coalesce(b.lost, 0)
    OR (d.is_lost AND b.receivable <> 0);

-- name: I43 disputed order pays nobody
-- No payout was begun while its charge was disputed, nor after the dispute was lost unless a person
-- said so.
SELECT t.id AS operation_id, t.order_id, t.kind, t.sent_at, d.opened_at, d.closed_at, d.status
  FROM payments_operation t
  JOIN payments_dispute d ON d.payment_id = t.payment_id
 WHERE t.kind LIKE 'transfer\_%' AND t.sent_at > d.opened_at AND d.payees <> 'paid'
   AND (d.closed_at IS NULL OR t.sent_at < d.closed_at
        OR (d.status <> 'won' AND d.withdrawn > d.reinstated));

-- name: I44 failed refund is owed
-- A customer is owed exactly the refunds that did not reach the card and were not paid otherwise, and
-- a person was called, unless a run is still at work on the order.
SELECT order_id, coalesce(r.failed, 0) AS failed, coalesce(b.owed, 0) AS owed
  FROM (SELECT order_id, sum(amount) AS failed
          FROM payments_refund WHERE failed_at IS NOT NULL AND repaid_at IS NULL
         GROUP BY order_id) r
  FULL JOIN (
       SELECT a.order_id, sum(CASE e.side WHEN 'C' THEN e.amount ELSE -e.amount END) AS owed
         FROM escrow_account a JOIN escrow_entry e ON e.account_id = a.id
        WHERE a.code = 'customer_payable' GROUP BY a.order_id) b USING (order_id)
 WHERE (coalesce(r.failed, 0) <> coalesce(b.owed, 0)
        OR (r.failed > 0 AND NOT EXISTS (
            SELECT FROM sagas_run n
             WHERE n.saga = 'repay_customer' AND n.status = 'PARKED'
               AND split_part(n.key, ':', 1) = order_id::text)))
   AND NOT EXISTS (SELECT FROM sagas_run n
                    WHERE split_part(n.key, ':', 1) = order_id::text
                      AND (n.status IN ('RUNNING', 'WAITING', 'COMPENSATING')
                           OR (n.status = 'PARKED' AND n.saga <> 'repay_customer')));

-- name: E01 ended run is at rest
-- A run that is over, by a person's hand too, has its end and no time to wake; a live one has no end.
SELECT id AS run_id, saga, status, wake_at, lease_until, ended_at
  FROM sagas_run
 WHERE CASE WHEN status IN ('COMPLETED', 'COMPENSATED', 'TERMINATED')
            THEN ended_at IS NULL OR wake_at IS NOT NULL OR lease_until IS NOT NULL
            ELSE ended_at IS NOT NULL
       END;

-- name: E02 no run is stuck
-- A run that the engine moves has a time to wake, which is not a minute past unless a worker holds it
-- or a person has paused it.
SELECT id AS run_id, saga, key, status, position, wake_at
  FROM sagas_run
 WHERE status IN ('RUNNING', 'WAITING', 'COMPENSATING') AND paused = ''
   AND (wake_at IS NULL OR wake_at < now() - interval '60 s')
   AND (lease_until IS NULL OR lease_until < now());

-- name: E03 run stands inside its saga
-- A run under way stands at a step that its saga has.
SELECT r.id AS run_id, r.saga, r.status, r.position, l.value AS steps
  FROM sagas_run r
  -- How many steps each saga has, which only the code knows; in psql this is empty.
  LEFT JOIN jsonb_each_text(nullif(current_setting('campusg.saga_lengths', true), '')::jsonb) l
    ON l.key = r.saga
 WHERE r.status IN ('RUNNING', 'WAITING', 'COMPENSATING')
   AND (r.position < 1 OR r.position > l.value::int);

-- name: E04 run and order agree
-- After a completed create_order its order is on its way, after a compensated one cancelled; after a
-- completed complete_order or cancel_order it has ended so.
SELECT r.id AS run_id, r.saga, r.key, r.status, o.status AS order_status
  FROM sagas_run r
  LEFT JOIN orders_order o ON o.id::text = r.key
 WHERE CASE r.saga || ' ' || r.status
           WHEN 'create_order COMPLETED'
           THEN coalesce(o.status, 'PENDING') IN ('PENDING', 'AWAITING_PAYMENT')
           WHEN 'create_order COMPENSATED' THEN o.status <> 'CANCELLED'
           WHEN 'complete_order COMPLETED'
           THEN coalesce(o.status, '') NOT IN ('COMPLETED', 'COMPLETED_UNPAID')
           WHEN 'settle_claim COMPLETED' THEN o.status IS DISTINCT FROM 'COMPLETED'
           WHEN 'cancel_order COMPLETED' THEN o.status IS DISTINCT FROM 'CANCELLED'
           ELSE false
       END;

-- name: E05 nothing due is left lying
-- No due event is still pending a minute after its time.
SELECT id AS event_id, event_type, entity_id, due_at
  FROM scheduler_scheduledevent
 WHERE status = 'PENDING' AND due_at < now() - interval '60 s';

-- name: E06 lock has its owner
-- An order that is being completed or cancelled has the run that does it.
SELECT o.id AS order_id, o.status
  FROM orders_order o
 WHERE o.status IN ('COMPLETING', 'CANCELLING')
   AND NOT EXISTS (SELECT FROM sagas_run r
                    WHERE r.saga = CASE o.status WHEN 'COMPLETING' THEN 'complete_order'
                                                 ELSE 'cancel_order' END
                      AND r.key = o.id::text
                      AND r.status IN ('RUNNING', 'WAITING', 'COMPENSATING', 'PARKED'));

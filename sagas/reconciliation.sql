-- What moved Stripe's balance, object by object, held against what the books say of it.
-- One row for each object that differs or is under way, and one that counts those that agree.
WITH theirs AS (
    SELECT reference, min(currency) AS currency, sum(net) AS net, max(created_at) AS at,
           min(type) AS type, min(order_id::text)::uuid AS order_id,
           min(operation_id::text)::uuid AS operation_id
      FROM payments_balancetransaction
     -- What is paid out to our own bank is no order's, and the books end at Stripe.
     WHERE type NOT IN ('payout', 'payout_cancel', 'payout_failure')
     GROUP BY reference
), ours AS (
    SELECT coalesce(op.stripe_id, d.stripe_id, 'journal ' || min(j.id)) AS reference,
           min(e.currency) AS currency, min(j.order_id::text)::uuid AS order_id,
           sum(CASE e.side WHEN 'D' THEN e.amount ELSE -e.amount END) AS net,
           max(j.recorded_at) AS at
      FROM escrow_account a
      JOIN escrow_entry e ON e.account_id = a.id
      JOIN escrow_journal j ON j.id = e.journal_id
      LEFT JOIN payments_operation op ON op.id = j.operation_id
      LEFT JOIN payments_dispute d ON d.id = j.operation_id
     WHERE a.code = 'stripe_clearing'
     GROUP BY op.stripe_id, d.stripe_id,
              CASE WHEN op.stripe_id IS NULL AND d.stripe_id IS NULL THEN j.id END
), compared AS (
    SELECT coalesce(t.reference, o.reference) AS reference,
           coalesce(o.order_id, t.order_id) AS order_id,
           o.net AS ours, o.currency AS our_currency, t.net AS theirs, t.currency AS their_currency,
           coalesce(t.at, o.at) AS at, asked.payment_id,
           asked.state IN ('sent', 'unknown', 'requires_action') AS unanswered,
           CASE
               WHEN coalesce(t.net, 0) = coalesce(o.net, 0)
                    AND (t.net IS NULL OR o.net IS NULL OR t.currency = o.currency) THEN 'matched'
               WHEN t.reference IS NULL THEN 'missing'
               WHEN o.reference IS NOT NULL AND t.currency <> o.currency THEN 'currency'
               WHEN o.reference IS NOT NULL THEN 'amount'
               WHEN done.stripe_id IS NOT NULL AND t.at > now() - interval '1 day' THEN 'under way'
               WHEN done.stripe_id IS NOT NULL THEN 'unbooked'
               WHEN asked.state IN ('sent', 'unknown')
                    AND asked.sent_at > now() - interval '1 minute' THEN 'under way'
               WHEN t.type = 'transfer' AND (
                        asked.state = 'succeeded'
                        OR EXISTS (SELECT FROM payments_operation paid
                                    WHERE paid.order_id = t.order_id AND paid.state = 'succeeded'
                                      AND paid.kind LIKE 'transfer\_%%' AND paid.amount = -t.net))
               THEN 'double_transfer'
               ELSE 'orphan'
           END AS kind
      FROM theirs t
      FULL JOIN ours o ON o.reference = t.reference
      LEFT JOIN payments_operation done
        ON done.stripe_id = t.reference AND done.state = 'succeeded'
       AND done.kind NOT IN ('authorize', 'void')
      LEFT JOIN payments_operation asked ON asked.id = t.operation_id
)
SELECT kind, reference, order_id, ours, our_currency, theirs, their_currency,
       CASE WHEN kind = 'orphan' AND unanswered THEN payment_id END AS payment_id
  FROM compared WHERE kind <> 'matched'
 UNION ALL
SELECT 'matched', '', NULL, count(*), '', 0, '', NULL
  FROM compared WHERE kind = 'matched' AND at >= %(since)s AND at < %(until)s

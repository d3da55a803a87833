"""What PostgreSQL refuses to write into the books, whoever asks."""

import pgtrigger

from campusg.triggers import WRONG

#: Entries are judged once per INSERT statement, all of them together, so a journal's legs are
#: written by one statement. Accounts that may not be overdrawn are locked in id order before they
#: are added up, or two releases could each see the money that only one may take; only debited
#: ones, or every order would queue behind its restaurant's account. The lock is FOR NO KEY UPDATE:
#: foreign-key checks hold KEY SHARE on the same rows, and FOR UPDATE would deadlock against them.
_JUDGE_ENTRIES = f"""
    SELECT format('entry in %s on account %s, which is kept in %s',
                  e.currency, a.id, a.currency) INTO wrong
      FROM new_entries e JOIN escrow_account a ON a.id = e.account_id
     WHERE a.currency <> e.currency LIMIT 1;

    IF wrong IS NULL THEN
        SELECT format('journal %s is unbalanced: %s %s %s', journal_id, layer,
                      sum(CASE side WHEN 'D' THEN amount ELSE -amount END), currency) INTO wrong
          FROM escrow_entry
         WHERE journal_id IN (SELECT journal_id FROM new_entries)
         GROUP BY journal_id, layer, currency
        HAVING sum(CASE side WHEN 'D' THEN amount ELSE -amount END) <> 0 LIMIT 1;
    END IF;

    IF wrong IS NULL THEN
        SELECT array_agg(id) INTO drawn FROM (
            SELECT id FROM escrow_account
             WHERE no_overdraft
               AND id IN (SELECT e.account_id FROM new_entries e WHERE e.side <> normal_side)
             ORDER BY id FOR NO KEY UPDATE) locked;
        IF drawn IS NOT NULL THEN
            SELECT format('account %s (%s, %s) would go negative', a.id, a.code, e.layer)
              INTO wrong
              FROM escrow_account a JOIN escrow_entry e ON e.account_id = a.id
             WHERE a.id = ANY(drawn)
             GROUP BY a.id, e.layer
            HAVING sum(CASE e.side WHEN a.normal_side THEN e.amount ELSE -e.amount END) < 0
             LIMIT 1;
        END IF;
    END IF;

    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION '%', wrong USING ERRCODE = '{WRONG}';
    END IF;
    RETURN NULL;
"""

_JUDGE_JOURNAL = f"""
    IF NOT EXISTS (SELECT FROM escrow_entry WHERE journal_id = NEW.id) THEN
        RAISE EXCEPTION 'journal % has no entries', NEW.id USING ERRCODE = '{WRONG}';
    END IF;
    RETURN NULL;
"""


def entries_are_right() -> pgtrigger.Trigger:
    """Currency as the account's, journal balanced per layer and currency, no overdraft."""
    return pgtrigger.Trigger(
        name="entries_are_right",
        level=pgtrigger.Statement,
        when=pgtrigger.After,
        operation=pgtrigger.Insert,
        referencing=pgtrigger.Referencing(new="new_entries"),  # type: ignore[no-untyped-call]
        declare=[("wrong", "text"), ("drawn", "bigint[]")],
        func=_JUDGE_ENTRIES,
    )


def journal_has_entries() -> pgtrigger.Trigger:
    """At COMMIT, because a journal is written before its entries."""
    return pgtrigger.Trigger(
        name="journal_has_entries",
        when=pgtrigger.After,
        operation=pgtrigger.Insert,
        timing=pgtrigger.Deferred,
        func=_JUDGE_JOURNAL,
    )

"""What PostgreSQL refuses to write into the books, whoever asks."""

import pgtrigger

from campusg.triggers import WRONG

#: Entries are judged once per INSERT statement, all of them together, so a journal's legs are
#: written by one statement: what was there balanced already, and so must what is added. Accounts
#: that may not be overdrawn are locked in id order before they are added up, or two releases could
#: each see the money that only one may take; only those drawn on, or every order would queue behind
#: its restaurant's account. The lock is FOR NO KEY UPDATE: foreign-key checks hold KEY SHARE on the
#: same rows, and FOR UPDATE would deadlock against them. Ids go through arrays so that the planner
#: takes the indexes, however old its statistics are.
_JUDGE_ENTRIES = f"""
    SELECT format('journal %s is unbalanced: %s %s %s', journal_id, layer,
                  sum(CASE side WHEN 'D' THEN amount ELSE -amount END), currency) INTO wrong
      FROM new_entries
     GROUP BY journal_id, layer, currency
    HAVING sum(CASE side WHEN 'D' THEN amount ELSE -amount END) <> 0 LIMIT 1;
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION '%', wrong USING ERRCODE = '{WRONG}';
    END IF;

    touched := ARRAY(SELECT account_id FROM new_entries);
    FOR account IN
        SELECT * FROM escrow_account WHERE id = ANY(touched) ORDER BY id
    LOOP
        IF EXISTS (SELECT FROM new_entries
                    WHERE account_id = account.id AND currency <> account.currency) THEN
            RAISE EXCEPTION 'account % is kept in %', account.id, account.currency
                USING ERRCODE = '{WRONG}';
        END IF;
        CONTINUE WHEN NOT account.no_overdraft OR NOT EXISTS (
            SELECT FROM new_entries
             WHERE account_id = account.id AND side <> account.normal_side);
        PERFORM FROM escrow_account WHERE id = account.id FOR NO KEY UPDATE;
        IF EXISTS (SELECT FROM escrow_entry WHERE account_id = account.id GROUP BY layer
                   HAVING sum(CASE side WHEN account.normal_side THEN amount ELSE -amount END) < 0)
        THEN
            RAISE EXCEPTION 'account % (%) would go negative', account.id, account.code
                USING ERRCODE = '{WRONG}';
        END IF;
    END LOOP;
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
        declare=[
            ("wrong", "text"),
            ("touched", "bigint[]"),
            ("account", "escrow_account%ROWTYPE"),
        ],
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

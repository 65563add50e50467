"""Who calls, from a database: `python -m examples.lookup.by_database`. Here SQLite; any other is asked the same way.

DATABASE names the file. The tables, as a shop may have them:

    create table customers (number text primary key, name text, language text, owes real);
    create table orders (number text, id integer, state text, placed text);
"""

import os
import sqlite3
from contextlib import closing
from typing import Any

from examples.lookup.server import serve

CUSTOMER = "select name, language, owes from customers where number = ?"
ORDERS = "select id, state from orders where number = ? order by placed desc limit 3"
DUE = 1000.0


def look_up(question: dict[str, Any]) -> dict[str, Any]:
    """What docs/lookup.md describes: the customer's name and last orders; who owes much reaches a human at once."""
    caller = question["from"]
    # a connection for each question: they come in threads, and SQLite opens a file in well under a millisecond
    with closing(sqlite3.connect(f"file:{os.environ['DATABASE']}?mode=ro", uri=True, timeout=1.0)) as database:
        customer = database.execute(CUSTOMER, [caller]).fetchone()
        if customer is None:
            return {"tags": ["new"]}
        orders = database.execute(ORDERS, [caller]).fetchall()
    name, language, owes = customer
    if owes >= DUE:
        return {
            "transfer": {"target": "billing", "reason": "owes", "summary": f"{name} owes {owes:.2f}"},
            "tags": ["due"],
        }
    answer: dict[str, Any] = {
        "variables": {"name": name, "orders": "; ".join(f"order {order} is {state}" for order, state in orders)},
        "overrides": {"first_message": f"Hello {name}, welcome back! How can I help?"},
        "tags": ["customer"],
    }
    if language:
        answer["overrides"]["language"] = language
    return answer


if __name__ == "__main__":
    serve(look_up)

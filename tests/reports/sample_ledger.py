"""What a report tells of one ledger, by hand."""

from typing import Any

LEDGER: dict[str, Any] = {
    "totals": [
        {
            "connection": "ledger",
            "fiscal_year": 2027,
            "rows": 3,
            "rows_counted": 2,
            "amounts": {
                "actual": {
                    "read": "999999999999999.99",
                    "chargebacks": "1.00",
                    "superseded": None,
                    "computed": "999999999999998.99",
                    "difference": "0.00",
                },
                "forecast": dict.fromkeys(("read", "chargebacks", "superseded", "computed", "difference")),
            },
        }
    ],
    "findings": [
        {"kind": "opened", "connection": "ledger", "fiscal_year": 2027, "text": "1 is new", "items": ["CC9"]}
    ],
    "restated": [
        {
            "connection": "ledger",
            "fiscal_year": 2027,
            "period": "001",
            "actual": "2",
            "before": "1",
            "change": "1",
        }
    ],
    "figures": [
        {
            "connection": "ledger",
            "fiscal_year": 2027,
            "figure": "eac",
            "records": 2,
            "computed": "3.00",
            "records_written": 1,
            "written": "1.00",
            "difference": "2.00",
        }
    ],
}

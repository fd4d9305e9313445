"""The words that the city is made of. Every person, number and project is invented."""

from sandbox.city.records import Department

DEPARTMENTS = (
    Department("LNI", "Licenses & Inspections", "0260", "0100", "026010", "files"),
    Department("WTR", "Water", "0280", "2000", "028020", "odata"),
    Department("STR", "Streets", "0120", "0100", "012030", "odata"),
    Department("PKR", "Parks & Recreation", "0160", "0100", "016010", "sql"),
    Department("POL", "Police", "0110", "8000", "011040", "salesforce"),
    Department("FIR", "Fire", "0130", "8000", "013020", "salesforce"),
    Department("PBH", "Health", "0140", "0100", "014050", "sql"),
    Department("REV", "Revenue", "0360", "0100", "036010", "files"),
    Department("LIB", "Libraries", "0520", "0100", "052010", "files"),
    Department("HRD", "Human Resources", "0560", "0100", "056010", "sql"),
    Department("OIT", "Innovation & Technology", "0040", "1500", "004070", "odata"),
    Department("PLN", "Planning & Development", "0510", "0100", "051010", "files"),
)

PROGRAMS = {
    "LNI": "Permits Made Simple",
    "WTR": "Customer Services",
    "STR": "Safe Streets",
    "PKR": "Community Services",
    "POL": "Public Safety",
    "FIR": "Public Safety",
    "PBH": "Community Services",
    "REV": "Customer Services",
    "LIB": "Community Services",
    "HRD": "Modern Workplace",
    "OIT": "Modern Workplace",
    "PLN": "Permits Made Simple",
}

SUBJECTS = {
    "LNI": ("Permit", "Inspection", "Rental licence", "Code case", "Contractor registry", "Plan review"),
    "WTR": ("Meter reading", "Water billing", "Pump station", "Main break", "Sampling lab", "Stormwater"),
    "STR": ("Work order", "Traffic signal", "Pavement survey", "Street light", "Snow route", "Waste pickup"),
    "PKR": ("Park reservation", "Summer camp", "Tree inventory", "Pool pass", "Trail map", "Field lighting"),
    "POL": ("Evidence", "Body camera", "Dispatch", "Records", "Fleet location", "Duty roster"),
    "FIR": ("Station network", "Hydrant", "Turnout gear", "Incident report", "Station alerting", "Ambulance"),
    "PBH": (
        "Clinic scheduling",
        "Vaccine stock",
        "Food inspection",
        "Vital records",
        "Case notes",
        "Lab result",
    ),
    "REV": ("Tax portal", "Payment plan", "Lockbox", "Property tax", "Refund", "Business tax"),
    "LIB": ("Library kiosk", "Catalogue", "Public computer", "Room booking", "Digital loan", "After-school"),
    "HRD": ("Hiring", "Time entry", "Benefits", "Training record", "Onboarding", "Civil service test"),
    "OIT": ("Network", "Data centre", "Identity", "Service desk", "Endpoint", "Backup"),
    "PLN": (
        "Zoning map",
        "Address register",
        "Hearing calendar",
        "Land use",
        "Survey archive",
        "Design review",
    ),
}

KINDS = ("replacement", "portal", "mobile app", "migration", "integration", "dashboard", "upgrade", "pilot")

# fmt: off
FIRST_NAMES = (
    "Ada", "Amir", "Bea", "Carlos", "Dana", "Elif", "Farah", "Gus", "Hana", "Ivan", "Jada", "Kenji",
    "Lena", "Malik", "Nadia", "Omar", "Priya", "Quinn", "Rosa", "Sami", "Tessa", "Uri", "Vera", "Wes",
    "Ximena", "Yusuf", "Zoe", "Arlo", "Bianca", "Cyrus", "Dina", "Emil", "Flora", "Gita", "Hugo",
    "Inez", "Joel", "Kira", "Leon", "Maya",
)
LAST_NAMES = (
    "Abara", "Bellamy", "Castellan", "Dorsey", "Eklund", "Farrow", "Galanis", "Hathaway", "Ibarra",
    "Jansen", "Kowal", "Lindqvist", "Moreno", "Nakata", "Okafor", "Pereira", "Quigley", "Rahimi",
    "Santoro", "Tolliver", "Ueda", "Varga", "Whitlock", "Xu", "Yates", "Zeller", "Ashby", "Brandt",
)
# fmt: on
ROLES = ("Business analyst", "Developer", "Test lead", "Engineer", "Trainer", "Data analyst")

STAGES = ("Prepare", "Design", "Build", "Test", "Roll out")
MILESTONES = (
    ("Kick-off", 0.02),
    ("Requirements agreed", 0.18),
    ("Design accepted", 0.36),
    ("Build complete", 0.66),
    ("Acceptance test passed", 0.86),
    ("Go-live", 1.0),
)
WORK_TITLES = {
    "Prepare": ("Interview the {d} counter staff", "List the present {s} forms", "Agree the project charter"),
    "Design": (
        "Draw the {s} screens",
        "Describe the {s} data",
        "Decide how residents sign in",
        "Plan the reports",
    ),
    "Build": (
        "Build the {s} intake",
        "Load {s} history",
        "Connect the payment service",
        "Write the {s} notices",
    ),
    "Test": (
        "Test {s} with ten residents",
        "Check screen-reader use",
        "Run the load test",
        "Rehearse the cut-over",
    ),
    "Roll out": ("Train the {d} staff", "Publish the {s} help page", "Switch the old {s} list to read-only"),
}
BUG_TITLES = (
    "{s} search forgets the filter",
    "Receipt shows the wrong day",
    "{s} attachment is lost on save",
)
BLOCKERS = ("Waiting for the vendor's fix", "Waiting for a firewall change", "Waiting for legal review")
RISK_TITLES = {
    "risk": (
        "Key vendor engineer may leave",
        "Old {s} data may not load",
        "Training rooms are scarce in spring",
    ),
    "issue": ("{d} test users are on other duty", "{s} test environment is down two days a week"),
    "decision": ("Which {s} records move first", "Keep the paper form for one year"),
    "action": ("Ask {d} for a second approver", "Send the data map to the vendor"),
    "change": ("Add online payment to the scope", "Move the {s} archive to the next release"),
}
TICKET_TITLES = {
    "incident": (
        "{s} page is slow",
        "Cannot sign in to {s}",
        "{s} report is empty",
        "Printer at the counter fails",
    ),
    "service_request": ("Access for a new colleague", "New {s} mailbox", "Laptop for the {d} counter"),
    "demand": ("More languages for {s}", "Text messages for {s}"),
    "change": ("Patch the {s} servers", "Open the firewall for {s}"),
    "problem": ("{s} stops every Monday morning",),
}
CAUSES = (
    "Failed power supply",
    "Expired certificate",
    "Faulty update",
    "Cable cut by street works",
    "Full disk",
)
ACCOUNTS = (
    ("5100", "Personnel", 0.22),
    ("5210", "Professional services", 0.40),
    ("5300", "Software", 0.20),
    ("5400", "Hardware", 0.13),
    ("5500", "Training", 0.05),
)

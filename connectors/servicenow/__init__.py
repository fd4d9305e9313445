"""ServiceNow through the Table API."""

from connectors.servicenow.connector import ServiceNow

__all__ = ["ServiceNow"]

"""The life of an integration: activated, paused, resumed, taken down. States change by the table in `states`."""

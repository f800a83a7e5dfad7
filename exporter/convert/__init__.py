"""Configurations of other exporters, as declarations of this one.

commented_yaml  writes YAML that people read and edit, with comments
jsonpath        JSONPath in kubectl's dialect: parsed, and as JSON Pointer or JMESPath
module_fields   json_exporter's metrics as fields
module_request  json_exporter's request and client as an endpoint and an entry of `clients`
json_exporter   json_exporter's configuration file as `systems` and `clients`
"""

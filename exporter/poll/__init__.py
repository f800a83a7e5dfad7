"""One poll, stage by stage: schedule -> fetch -> parse -> extract -> snapshot.

schedule    decides when a target is due, and runs the stages below for it
request     a target and its endpoint become what is sent: URL, headers with credentials
fetch       sends it; bytes come back, or one reason for failure
parse       bytes -> one plain tree, JSON and XML alike
extract     tree + declared fields -> readings; a bad field costs only itself
snapshot    readings -> the lines that a scrape serves, immutable
"""

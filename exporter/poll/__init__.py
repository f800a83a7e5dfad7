"""One poll, stage by stage: schedule -> fetch -> parse -> extract -> snapshot.

schedule    decides when a target is due, by its `rhythm`, and has `cycle` run the stages below
            for it
request     a target and its endpoint become what is sent: URL, headers with credentials
login       what some vendors want first: a token, asked for by `oauth2` or `webitel_login` once for
            many polls
redirect    follows to another place of the same origin, where that is wanted
fetch       sends it by `plain` (HTTP) or `session` (TLS, proxies); an `answer` comes back, or one
            reason for failure. `resolve` looks up the host's name
parse       bytes -> one plain tree, JSON and XML alike
extract     tree + declared fields -> a reading, by `steps` made once of each field and its
            `pointer`; a bad field costs only itself
snapshot    a reading -> the lines that a scrape serves, immutable
"""

// The rules and dashboards of this project for those who build theirs with jsonnet (0.18 and later,
// for std.parseYaml). `_config.runbookBase` is put before each runbook_url.
local groups(text) = std.parseYaml(text).groups;

{
  _config+:: {
    runbookBase: '',
  },

  local base = self._config.runbookBase,
  local located(rule) =
    if std.objectHas(rule, 'alert') then
      rule { annotations+: { runbook_url: base + super.runbook_url } }
    else rule,

  prometheusAlerts+:: {
    groups+: [
      group { rules: [located(rule) for rule in super.rules] }
      for group in groups(importstr '../prometheus/status-exporter.alerts.yml')
    ],
  },

  prometheusRules+:: {
    groups+: groups(importstr '../prometheus/status-exporter.rules.yml'),
  },

  grafanaDashboards+:: {
    'clanforge.json': import '../../grafana/dashboards/clanforge.json',
    'exporter.json': import '../../grafana/dashboards/exporter.json',
    'genesys_ucs.json': import '../../grafana/dashboards/genesys_ucs.json',
    'mdworkbench.json': import '../../grafana/dashboards/mdworkbench.json',
    'overview.json': import '../../grafana/dashboards/overview.json',
    'webitel.json': import '../../grafana/dashboards/webitel.json',
  },
}

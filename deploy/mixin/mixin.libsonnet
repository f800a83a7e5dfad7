// The rules and dashboards of this project as a mixin. `_config.runbookBase` is prepended to each
// runbook_url. jsonnet 0.18 cannot read YAML, so `make docs` writes the rules as JSON.
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
      for group in (import 'alerts.json').groups
    ],
  },

  prometheusRules+:: {
    groups+: (import 'rules.json').groups,
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

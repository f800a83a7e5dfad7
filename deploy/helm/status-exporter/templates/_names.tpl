{{- /* At most 52 characters: what is appended has to fit as well, such as the revision in the label
of a StatefulSet's pods, without which there are no pods. */}}
{{- define "status-exporter.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 52 | trimSuffix "-" }}
{{- end }}

{{- define "status-exporter.fullname" -}}
{{- $name := include "status-exporter.name" . }}
{{- if .Values.fullnameOverride }}
{{- $name = .Values.fullnameOverride }}
{{- else if contains $name .Release.Name }}
{{- $name = .Release.Name }}
{{- else }}
{{- $name = printf "%s-%s" .Release.Name $name }}
{{- end }}
{{- $name | trunc 52 | trimSuffix "-" }}
{{- end }}

{{- define "status-exporter.namespace" -}}
{{- default .Release.Namespace .Values.namespaceOverride }}
{{- end }}

{{- define "status-exporter.selector" -}}
app.kubernetes.io/name: {{ include "status-exporter.name" . | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end }}

{{- define "status-exporter.testLabels" -}}
app.kubernetes.io/name: {{ include "status-exporter.name" . | printf "%s-test" | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end }}

{{- /* Labels of (list root further): those of the selector override further ones, which override common ones. */}}
{{- define "status-exporter.labels" -}}
{{- $root := index . 0 }}
{{- $selector := include "status-exporter.selector" $root | fromYaml }}
{{- $further := index . 1 | default dict }}
{{- $common := $root.Values.commonLabels | default dict }}
{{- $chart := dict
  "app.kubernetes.io/version" $root.Chart.AppVersion
  "app.kubernetes.io/managed-by" $root.Release.Service
  "helm.sh/chart" (printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_") }}
{{- merge $selector $further $common $chart | toYaml }}
{{- end }}

{{- /* Metadata of (list root suffix values), with the namespace, labels and annotations of the values. */}}
{{- define "status-exporter.metadata" -}}
{{- $root := index . 0 }}
{{- $values := index . 2 -}}
name: {{ printf "%s%s" (include "status-exporter.fullname" $root) (index . 1) | quote }}
namespace: {{ $values.namespace | default (include "status-exporter.namespace" $root) | quote }}
labels:
  {{- include "status-exporter.labels" (list $root $values.labels) | nindent 2 }}
{{- with $values.annotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "status-exporter.kind" -}}
{{- gt (int .Values.shards) 1 | ternary "StatefulSet" "Deployment" }}
{{- end }}

{{- define "status-exporter.serviceAccount" -}}
{{- if .Values.serviceAccount.name }}
{{- .Values.serviceAccount.name }}
{{- else }}
{{- if .Values.serviceAccount.create }}{{ include "status-exporter.fullname" . }}{{ else }}default{{ end }}
{{- end }}
{{- end }}

{{- /* Without a registry, container runtimes would pull docker.io/library/status-exporter, which is not
this program. */}}
{{- define "status-exporter.image" -}}
{{- .Values.global.imageRegistry | default .Values.image.registry | required "image.registry: name the registry that has the image, such as registry.example.com" | trimSuffix "/" }}
{{- printf "/%s" .Values.image.repository }}
{{- if .Values.image.digest }}@{{ .Values.image.digest }}
{{- else }}:{{ default .Chart.AppVersion .Values.image.tag }}
{{- end }}
{{- end }}

{{- /* Both spellings are common for global values: a list of names, and one of objects. */}}
{{- define "status-exporter.pullSecrets" -}}
{{- range concat (.Values.global.imagePullSecrets | default list) (.Values.imagePullSecrets | default list) }}
- name: {{ if kindIs "string" . }}{{ quote . }}{{ else }}{{ quote .name }}{{ end }}
{{- end }}
{{- end }}

{{- define "status-exporter.scheme" -}}
{{- if .Values.web.tls }}https{{ else }}http{{ end }}
{{- end }}

{{- /* The kubelet's probes; null removes a probe. */}}
{{- define "status-exporter.probes" -}}
{{- range $name, $path := dict "startupProbe" "/-/healthy" "livenessProbe" "/-/healthy" "readinessProbe" "/-/ready" }}
{{- with index $.Values $name }}
{{ $name }}:
  httpGet:
    path: {{ $path }}
    port: metrics
    scheme: {{ include "status-exporter.scheme" $ | upper }}
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
{{- end }}

{{- /* A duration of Prometheus in milliseconds. */}}
{{- define "status-exporter.milliseconds" -}}
{{- $total := 0 }}
{{- range $unit, $size := dict "h" 3600000 "m" 60000 "s" 1000 "ms" 1 }}
{{- $total = regexFind (printf "[0-9]+%s([0-9]|$)" $unit) $ | regexFind "^[0-9]+" | int | mul $size | add $total }}
{{- end }}
{{- $total }}
{{- end }}

{{- /* How Prometheus scrapes, of (list root key fixed further): `key` names the values, and `further`
ones win over all. The operator ignores, in silence, a timeout that is longer than the interval. */}}
{{- define "status-exporter.scrape" -}}
{{- $root := index . 0 }}
{{- $key := index . 1 }}
{{- $scrape := index . 2 }}
{{- $values := index $root.Values $key }}
{{- range $name := list "interval" "scrapeTimeout" "honorLabels" "relabelings" "metricRelabelings" }}
{{- with index $values $name }}{{ $_ := set $scrape $name . }}{{ end }}
{{- end }}
{{- if $root.Values.web.tls }}
{{- /* Prometheus connects to the address of a pod, which no certificate has. */}}
{{- $service := printf "%s.%s.svc" (include "status-exporter.fullname" $root) (include "status-exporter.namespace" $root) }}
{{- $_ := set $scrape "tlsConfig" (merge (dict) ($values.tlsConfig | default dict) (dict "serverName" $service)) }}
{{- end }}
{{- range $name, $value := index . 3 }}{{ $_ := set $scrape $name $value }}{{ end }}
{{- if and $scrape.interval $scrape.scrapeTimeout }}
{{- if gt (include "status-exporter.milliseconds" $scrape.scrapeTimeout | int) (include "status-exporter.milliseconds" $scrape.interval | int) }}
{{- printf "%s: scrapeTimeout %s is longer than interval %s; leave it empty for Prometheus' default" $key $scrape.scrapeTimeout $scrape.interval | fail }}
{{- end }}
{{- end }}
{{- toYaml $scrape }}
{{- end }}

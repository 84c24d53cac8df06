{{- define "billwright.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride -}}
{{- else if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* What selectors use: stays the same for the life of a release. */}}
{{- define "billwright.selectorLabels" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "billwright.labels" -}}
{{ include "billwright.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{/* Selector of one role. Arguments: root, component, group ("" but for workers). */}}
{{- define "billwright.roleLabels" -}}
{{ include "billwright.selectorLabels" .root }}
app.kubernetes.io/component: {{ .component }}
{{- with .group }}
billwright/worker-group: {{ . }}
{{- end }}
{{- end -}}

{{- define "billwright.image" -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" .Values.image.repository (.Values.image.tag | default .Chart.AppVersion) -}}
{{- end -}}
{{- end -}}

{{- define "billwright.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- .Values.serviceAccount.name | default (include "billwright.fullname" .) -}}
{{- else -}}
{{- .Values.serviceAccount.name | default "default" -}}
{{- end -}}
{{- end -}}

{{/* The settings that are no secrets, as the ConfigMap's data. */}}
{{- define "billwright.settings" -}}
BILLWRIGHT_HOME: /var/lib/billwright
BILLWRIGHT_HOST: 0.0.0.0
BILLWRIGHT_PORT: {{ .Values.service.targetPort | int | quote }}
BILLWRIGHT_LOG_FORMAT: json
BILLWRIGHT_LOG_LEVEL: {{ .Values.config.logLevel }}
BILLWRIGHT_POOL_SIZE: {{ .Values.config.poolSize | int | quote }}
BILLWRIGHT_PLUGIN_LIMIT_MS: {{ .Values.config.pluginLimitMs | int | quote }}
BILLWRIGHT_RENDER_PROCESSES: {{ .Values.config.renderProcesses | int | quote }}
BILLWRIGHT_RENDER_MEMORY_MIB: {{ .Values.config.renderMemoryMib | int | quote }}
BILLWRIGHT_RENDER_CPU_S: {{ .Values.config.renderCpuS | int | quote }}
BILLWRIGHT_JOBS_KEPT_DAYS: {{ .Values.config.jobsKeptDays | int | quote }}
BILLWRIGHT_BODY_BYTES_MAX: {{ .Values.config.bodyBytesMax | int64 | quote }}
{{- with .Values.config.baseUrl }}
BILLWRIGHT_BASE_URL: {{ . | quote }}
{{- end }}
{{- if .Values.config.privateHostsAllowed }}
BILLWRIGHT_PRIVATE_HOSTS: allow
{{- end }}
{{- with .Values.config.tracing }}
{{- if .endpoint }}
BILLWRIGHT_OTLP_ENDPOINT: {{ .endpoint | quote }}
BILLWRIGHT_TRACED_PERCENT: {{ .percent | int | quote }}
BILLWRIGHT_TRACED_HOSTS: {{ join "," .hosts | quote }}
{{- end }}
{{- end }}
{{- end -}}

{{/* Restart the pods when what they read at start has changed; the content of a Secret is not known here. */}}
{{- define "billwright.podAnnotations" -}}
checksum/config: {{ include "billwright.settings" . | sha256sum }}
checksum/secrets: {{ toJson .Values.secrets | sha256sum }}
{{- with .Values.podAnnotations }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "billwright.podSecurityContext" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
fsGroupChangePolicy: OnRootMismatch
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{- define "billwright.containerSecurityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end -}}

{{/* One key of one Secret as one file. Arguments: secret, path. */}}
{{- define "billwright.secretFile" -}}
- secret:
    name: {{ .secret.name }}
    items:
      - key: {{ .secret.key }}
        path: {{ .path }}
{{- end -}}

{{/* Where a pod may run and what it pulls. */}}
{{- define "billwright.scheduling" -}}
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* NetworkPolicy peers from the short form of values.yaml. */}}
{{- define "billwright.peers" -}}
{{- range . }}
{{- if .cidr }}
- ipBlock:
    cidr: {{ .cidr | quote }}
    {{- with .except }}
    except:
      {{- toYaml . | nindent 6 }}
    {{- end }}
{{- else }}
- namespaceSelector:
    matchLabels:
      kubernetes.io/metadata.name: {{ .namespace }}
  {{- with .podLabels }}
  podSelector:
    matchLabels:
      {{- toYaml . | nindent 6 }}
  {{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{/* One egress rule. Arguments: to (peers), ports (numbers), protocols. */}}
{{- define "billwright.egressRule" -}}
{{- $protocols := .protocols | default (list "TCP") -}}
- to:
    {{- include "billwright.peers" .to | trim | nindent 4 }}
  ports:
    {{- range $port := .ports }}
    {{- range $protocol := $protocols }}
    - protocol: {{ $protocol }}
      port: {{ $port | int }}
    {{- end }}
    {{- end }}
{{- end -}}

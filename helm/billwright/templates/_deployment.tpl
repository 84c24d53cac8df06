{{/*
One role as a Deployment. Arguments: root, component, group ("" but for workers), name, role (its values), args, http.
Dispatcher and workers have no probe: they end themselves on a failure and the kubelet starts them again (docs/deploy.md).
*/}}
{{- define "billwright.deployment" -}}
{{- $root := .root -}}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ .name }}
  labels:
    {{- include "billwright.labels" $root | nindent 4 }}
    app.kubernetes.io/component: {{ .component }}
spec:
  replicas: {{ .role.replicas | int }}
  revisionHistoryLimit: 5
  strategy:
    type: RollingUpdate
    rollingUpdate:
      maxUnavailable: 0
      maxSurge: 1
  selector:
    matchLabels:
      {{- include "billwright.roleLabels" . | nindent 6 }}
  template:
    metadata:
      labels:
        {{- include "billwright.labels" $root | nindent 8 }}
        app.kubernetes.io/component: {{ .component }}
        {{- with .group }}
        billwright/worker-group: {{ . }}
        {{- end }}
      annotations:
        {{- include "billwright.podAnnotations" $root | nindent 8 }}
        {{- if .http }}
        prometheus.io/scrape: "true"
        prometheus.io/path: /metrics
        prometheus.io/port: {{ $root.Values.service.targetPort | int | quote }}
        {{- end }}
    spec:
      serviceAccountName: {{ include "billwright.serviceAccountName" $root }}
      automountServiceAccountToken: false
      # With service links a Service called "billwright" would set BILLWRIGHT_PORT to "tcp://...".
      enableServiceLinks: false
      terminationGracePeriodSeconds: {{ .role.terminationGracePeriodSeconds | int }}
      securityContext:
        {{- include "billwright.podSecurityContext" $root | nindent 8 }}
      {{- with include "billwright.scheduling" $root | trim }}
      {{- . | nindent 6 }}
      {{- end }}
      topologySpreadConstraints:
        {{- range $key := list "kubernetes.io/hostname" "topology.kubernetes.io/zone" }}
        - maxSkew: 1
          topologyKey: {{ $key }}
          whenUnsatisfiable: ScheduleAnyway
          labelSelector:
            matchLabels:
              {{- include "billwright.roleLabels" $ | nindent 14 }}
        {{- end }}
      containers:
        - name: {{ .component }}
          image: {{ include "billwright.image" $root | quote }}
          imagePullPolicy: {{ $root.Values.image.pullPolicy }}
          args: {{ toJson .args }}
          envFrom:
            - configMapRef:
                name: {{ include "billwright.fullname" $root }}
          env:
            {{- include "billwright.secretEnv" . | nindent 12 }}
          {{- if .http }}
          {{- include "billwright.http" $root | nindent 10 }}
          {{- end }}
          resources:
            {{- toYaml .role.resources | nindent 12 }}
          securityContext:
            {{- include "billwright.containerSecurityContext" $root | nindent 12 }}
          volumeMounts:
            - name: home
              mountPath: /var/lib/billwright
            - name: tmp
              mountPath: /tmp
            - name: secrets
              mountPath: /etc/billwright/secrets
              readOnly: true
      volumes:
        {{- include "billwright.volumes" . | nindent 8 }}
{{- end -}}

{{/* Only the API makes schemas and roles of new tenants, so it alone gets the owner's URL; workers never do. */}}
{{- define "billwright.secretEnv" -}}
- name: DATABASE_URL_FILE
  value: /etc/billwright/secrets/database-url
{{- if and (eq .component "api") .root.Values.secrets.databaseOwner.name }}
- name: DATABASE_OWNER_URL_FILE
  value: /etc/billwright/secrets/database-owner-url
{{- end }}
{{- if .root.Values.secrets.broker.name }}
- name: BILLWRIGHT_BROKER_URL_FILE
  value: /etc/billwright/secrets/broker-url
{{- else }}
- name: REDIS_URL_FILE
  value: /etc/billwright/secrets/redis-url
{{- end }}
- name: BILLWRIGHT_MASTER_KEY_FILE
  value: /etc/billwright/secrets/master-key
{{- if .root.Values.secrets.smtp.name }}
- name: SMTP_URL_FILE
  value: /etc/billwright/secrets/smtp-url
{{- end }}
{{- if and (ne .component "dispatcher") .root.Values.secrets.otlpHeaders.name }}
- name: BILLWRIGHT_OTLP_HEADERS_FILE
  value: /etc/billwright/secrets/otlp-headers
{{- end }}
{{- end -}}

{{/* Port and probes of the API. No preStop: it says by itself that it leaves, and waits (--leave-after-seconds). */}}
{{- define "billwright.http" -}}
ports:
  - name: http
    containerPort: {{ .Values.service.targetPort | int }}
    protocol: TCP
startupProbe:
  httpGet:
    path: /health/live
    port: http
  periodSeconds: 2
  failureThreshold: 60
livenessProbe:
  httpGet:
    path: /health/live
    port: http
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 6
readinessProbe:
  httpGet:
    path: /health/ready
    port: http
  periodSeconds: 5
  timeoutSeconds: 3
  failureThreshold: 2
{{- end -}}

{{- define "billwright.volumes" -}}
- name: home
  {{- if eq .root.Values.storage.kind "emptyDir" }}
  emptyDir:
    sizeLimit: {{ .root.Values.storage.size }}
  {{- else }}
  persistentVolumeClaim:
    claimName: {{ .root.Values.storage.existingClaim | default (include "billwright.fullname" .root) }}
  {{- end }}
- name: tmp
  emptyDir:
    sizeLimit: 512Mi
- name: secrets
  projected:
    # Readable by the pod's group and nobody else.
    defaultMode: 0440
    sources:
      {{- include "billwright.secretFile" (dict "secret" .root.Values.secrets.database "path" "database-url") | nindent 6 }}
      {{- if and (eq .component "api") .root.Values.secrets.databaseOwner.name }}
      {{- include "billwright.secretFile" (dict "secret" .root.Values.secrets.databaseOwner "path" "database-owner-url") | nindent 6 }}
      {{- end }}
      {{- if .root.Values.secrets.broker.name }}
      {{- include "billwright.secretFile" (dict "secret" .root.Values.secrets.broker "path" "broker-url") | nindent 6 }}
      {{- else }}
      {{- include "billwright.secretFile" (dict "secret" .root.Values.secrets.redis "path" "redis-url") | nindent 6 }}
      {{- end }}
      {{- include "billwright.secretFile" (dict "secret" .root.Values.secrets.masterKey "path" "master-key") | nindent 6 }}
      {{- if .root.Values.secrets.smtp.name }}
      {{- include "billwright.secretFile" (dict "secret" .root.Values.secrets.smtp "path" "smtp-url") | nindent 6 }}
      {{- end }}
      {{- if and (ne .component "dispatcher") .root.Values.secrets.otlpHeaders.name }}
      {{- include "billwright.secretFile" (dict "secret" .root.Values.secrets.otlpHeaders "path" "otlp-headers") | nindent 6 }}
      {{- end }}
      {{- if .root.Values.secrets.databaseCa.name }}
      {{- include "billwright.secretFile" (dict "secret" .root.Values.secrets.databaseCa "path" "database-ca.crt") | nindent 6 }}
      {{- end }}
{{- end -}}

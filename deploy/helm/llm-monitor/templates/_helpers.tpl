{{- define "llm-monitor.name" -}}
{{- printf "%s-llm-monitor" .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- end -}}

{{- define "llm-monitor.labels" -}}
app.kubernetes.io/name: llm-monitor
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{- /* Takes (list ROOT COMPONENT). */ -}}
{{- define "llm-monitor.selector" -}}
app.kubernetes.io/name: llm-monitor
app.kubernetes.io/instance: {{ (index . 0).Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end -}}

{{- define "llm-monitor.image" -}}
{{- with .Values.image -}}
{{- if .digest }}{{ .repository }}@{{ .digest }}{{ else }}{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}{{ end -}}
{{- end -}}
{{- end -}}

{{- define "llm-monitor.secret" -}}
{{- $given := index .Values .server -}}
{{- if $given.existingSecret -}}
{{ $given.existingSecret }}
{{- else -}}
{{- $_ := required (printf "set %s.url or %s.existingSecret: this chart brings no servers" .server .server) $given.url -}}
{{ include "llm-monitor.name" .root }}
{{- end -}}
{{- end -}}

{{- /* The environment of every container. Takes the root. */ -}}
{{- define "llm-monitor.environment" -}}
- name: DATABASE_URL
  valueFrom:
    secretKeyRef:
      name: {{ include "llm-monitor.secret" (dict "Values" .Values "root" . "server" "database") }}
      key: {{ ternary .Values.database.secretKey "DATABASE_URL" (not (empty .Values.database.existingSecret)) }}
- name: REDIS_URL
  valueFrom:
    secretKeyRef:
      name: {{ include "llm-monitor.secret" (dict "Values" .Values "root" . "server" "redis") }}
      key: {{ ternary .Values.redis.secretKey "REDIS_URL" (not (empty .Values.redis.existingSecret)) }}
- name: API_BASE_URL
  value: http://{{ include "llm-monitor.name" . }}-api:{{ .Values.api.service.port }}
{{- with .Values.privacyKey }}
{{- if .existingSecret }}
- name: LLM_MONITOR_PRIVACY_KEY
  valueFrom:
    secretKeyRef: {name: {{ .existingSecret }}, key: {{ .secretKey }}}
{{- end }}
{{- end }}
{{- if .Values.allowAnonymous }}
- name: LLM_MONITOR_ALLOW_ANONYMOUS
  value: "1"
{{- end }}
{{- range $name, $value := .Values.settings }}
- name: LLM_MONITOR_{{ $name }}
  value: {{ $value | quote }}
{{- end }}
{{- with .Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- /* A pod template. Takes root, component, command, resources, and optionally ports, probes and environment. */ -}}
{{- define "llm-monitor.pod" -}}
metadata:
  labels:
    {{- include "llm-monitor.selector" (list .root .component) | nindent 4 }}
  {{- with .root.Values.podAnnotations }}
  annotations: {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  automountServiceAccountToken: false
  enableServiceLinks: false
  {{- with .root.Values.imagePullSecrets }}
  imagePullSecrets: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- if eq .component "migrate" }}
  restartPolicy: OnFailure
  {{- end }}
  terminationGracePeriodSeconds: 30
  securityContext:
    runAsNonRoot: true
    runAsUser: 10001
    runAsGroup: 10001
    fsGroup: 10001
    seccompProfile: {type: RuntimeDefault}
  containers:
    - name: {{ .component }}
      image: {{ include "llm-monitor.image" .root }}
      imagePullPolicy: {{ .root.Values.image.pullPolicy }}
      args: {{ .command | toJson }}
      env:
        {{- include "llm-monitor.environment" .root | nindent 8 }}
        {{- with .environment }}
        {{- . | nindent 8 }}
        {{- end }}
      {{- with .root.Values.extraEnvFrom }}
      envFrom: {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with .port }}
      ports:
        - {name: http, containerPort: {{ . }}}
      {{- end }}
      {{- with .probes }}
      {{- . | trim | nindent 6 }}
      {{- end }}
      {{- with .resources }}
      resources: {{- toYaml . | nindent 8 }}
      {{- end }}
      securityContext:
        allowPrivilegeEscalation: false
        readOnlyRootFilesystem: true
        capabilities: {drop: [ALL]}
      volumeMounts:
        - {name: data, mountPath: /data}
        - {name: tmp, mountPath: /tmp}
  volumes:
    - {name: data, emptyDir: {}}
    - {name: tmp, emptyDir: {}}
  {{- with .root.Values.nodeSelector }}
  nodeSelector: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .root.Values.tolerations }}
  tolerations: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .root.Values.affinity }}
  affinity: {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end -}}

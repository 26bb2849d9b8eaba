{{- /* The container of a process: (dict "root" $ "name" NAME "values" VALUES "job" BOOL). */ -}}
{{- define "regimeflow.container" -}}
{{- $root := .root }}
{{- $name := .name }}
{{- $gateway := eq $name "gateway" }}
{{- $port := ternary 8080 (ternary 9101 9100 (eq $name "simulator")) $gateway }}
- name: {{ $name }}
  image: {{ include "regimeflow.image" $root | quote }}
  imagePullPolicy: {{ $root.Values.image.pullPolicy }}
  # The volume outlives the container: a beat of its last life must not count.
  args: [sh, -c, rm -f /tmp/heartbeat && exec python -m deploy.process {{ $name }}]
  envFrom: [{configMapRef: {name: {{ include "regimeflow.name" $root }}-settings}}]
  env:
    {{- if ne $name "simulator" }}{{- /* the only one that Kafka does not know */ -}}
    {{- include "regimeflow.kafkaEnv" (dict "root" $root "user" $name) | nindent 4 }}
    {{- end }}
    - {name: REGIMEFLOW_HOME, value: /var/lib/regimeflow}
    - {name: REGIMEFLOW_HEARTBEAT, value: /tmp/heartbeat}
    {{- if .job }}
    - {name: REGIMEFLOW_JOB_IDLE_S, value: "60"}
    - name: REGIMEFLOW_INSTANCE
      valueFrom: {fieldRef: {fieldPath: metadata.name}}
    {{- else if not $gateway }}
    - name: REGIMEFLOW_INSTANCE
      valueFrom: {fieldRef: {fieldPath: "metadata.labels['apps.kubernetes.io/pod-index']"}}
    {{- end }}
    {{- if $gateway }}
    - {name: REGIMEFLOW_HOST, value: 0.0.0.0}
    - {name: REGIMEFLOW_PORT, value: "8080"}
    - {name: REGIMEFLOW_API_KEYS, value: {{ $root.Values.gateway.apiKeys | quote }}}
    {{- if $root.Values.gateway.insecure }}
    - {name: REGIMEFLOW_INSECURE, value: "true"}
    {{- end }}
    {{- with $root.Values.gateway.oidc }}
    {{- range $variable, $value := dict "OIDC_ISSUER" .issuer "OIDC_AUDIENCE" .audience "OIDC_CLIENT_ID" .clientId }}
    {{- if $value }}
    - {name: REGIMEFLOW_{{ $variable }}, value: {{ $value | quote }}}
    {{- end }}
    {{- end }}
    {{- end }}
    {{- else }}
    - {name: REGIMEFLOW_METRICS_HOST, value: 0.0.0.0}
    - {name: REGIMEFLOW_METRICS_PORT, value: {{ $port | quote }}}
    {{- end }}
    {{- range $variable, $value := .values.settings }}
    - {name: {{ $variable }}, value: {{ $value | quote }}}
    {{- end }}
    {{- range $variable, $secret := .values.secrets }}
    - name: {{ $variable }}
      valueFrom: {secretKeyRef: {{ toJson $secret }}}
    {{- end }}
  ports: [{name: {{ ternary "http" (ternary "simulator" "metrics" (eq $name "simulator")) $gateway }}, containerPort: {{ $port }}}]
  {{- $resources := .values.resources }}
  {{- with $root.Values.strategy }}
  {{- if and (eq $name "inference") .cpu .memory }}
  {{- $size := dict "cpu" (printf "%dm" (int .cpu)) "memory" (printf "%dMi" (int .memory)) }}
  {{- $resources = mergeOverwrite (deepCopy $resources) (dict "requests" $size "limits" $size) }}
  {{- end }}
  {{- end }}
  resources: {{- toYaml $resources | nindent 4 }}
  securityContext: {{- include "regimeflow.containerSecurity" $root | nindent 4 }}
  # Nothing may take longer than four minutes until the first beat: libraries and models are loaded.
  startupProbe:
    exec: {command: [test, -f, /tmp/heartbeat]}
    initialDelaySeconds: 5
    periodSeconds: 5
    failureThreshold: 48
  livenessProbe: # the main loop beats once a second
    exec:
      command: [sh, -c, 'test -n "$(find /tmp/heartbeat -newermt "30 seconds ago")"']
    periodSeconds: 15
    timeoutSeconds: 5
    failureThreshold: 3
  readinessProbe:
    httpGet: {path: {{ ternary "/health" "/metrics" $gateway }}, port: {{ $port }}}
    periodSeconds: 10
    timeoutSeconds: 5
  volumeMounts:
    - {name: tmp, mountPath: /tmp, subPath: {{ $name }}}
    - {name: {{ $name }}-home, mountPath: /var/lib/regimeflow}
    {{- include "regimeflow.kafkaMount" $root | nindent 4 }}
    {{- range include "regimeflow.shared" . | fromJsonArray }}
    - {name: {{ .name }}, mountPath: /var/lib/{{ .name }}, readOnly: {{ .readOnly }}}
    {{- end }}
{{- end -}}

{{- /* The volumes that a process shares with others, as JSON. */ -}}
{{- define "regimeflow.shared" -}}
{{- $storage := .root.Values.storage -}}
{{- $shared := list -}}
{{- if and (has .name (list "training" "inference" "explain")) (not $storage.models.url) -}}
{{- $shared = append $shared (dict "name" "models" "readOnly" (ne .name "training")) -}}
{{- end -}}
{{- if and (has .name (list "backtest" "tuning")) (not $storage.results.url) -}}
{{- $shared = append $shared (dict "name" "results" "readOnly" false) -}}
{{- end -}}
{{- toJson $shared -}}
{{- end -}}

{{- /* The pod of (dict "root" $ "name" NAME "values" VALUES "job" BOOL "beside" [NAME...]). */ -}}
{{- define "regimeflow.pod" -}}
{{- $root := .root }}
{{- $name := include "regimeflow.name" $root }}
{{- $pod := . }}
{{- $together := concat .beside (list .name) }}
metadata:
  labels: {{- include "regimeflow.labels" (dict "root" $root "process" .name) | nindent 4 }}
  annotations:
    checksum/settings: {{ toJson $root.Values.settings | sha256sum }}
spec:
  serviceAccountName: {{ $name }}
  automountServiceAccountToken: false
  enableServiceLinks: false
  terminationGracePeriodSeconds: 40
  {{- with $root.Values.image.pullSecrets }}
  imagePullSecrets: {{- range . }}
    - {name: {{ . }}}
  {{- end }}
  {{- end }}
  {{- with .values.nodeSelector }}
  nodeSelector: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .values.tolerations }}
  tolerations: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- if .job }}
  restartPolicy: Never
  {{- end }}
  {{- if eq .name "gateway" }}
  topologySpreadConstraints:
    - maxSkew: 1
      topologyKey: kubernetes.io/hostname
      whenUnsatisfiable: ScheduleAnyway
      labelSelector:
        matchLabels: {{- include "regimeflow.selector" (dict "root" $root "process" .name) | nindent 10 }}
  {{- end }}
  securityContext: {{- include "regimeflow.podSecurity" $root | nindent 4 }}
  containers:
  {{- range $together }}
    {{- include "regimeflow.container" (dict "root" $root "name" . "values" (get $root.Values.processes .) "job" $pod.job) | nindent 4 }}
  {{- end }}
  volumes:
    - {name: tmp, emptyDir: {}}
    {{- range $together }}
    {{- if or $pod.job (not (get $root.Values.processes .).home) }}
    - {name: {{ . }}-home, emptyDir: {}}
    {{- end }}
    {{- range include "regimeflow.shared" (dict "root" $root "name" .) | fromJsonArray }}
    - {name: {{ .name }}, persistentVolumeClaim: {claimName: {{ $name }}-{{ .name }}}}
    {{- end }}
    {{- end }}
    {{- include "regimeflow.kafkaVolume" $root | nindent 4 }}
{{- end -}}

{{- define "regimeflow.claim" -}}
accessModes: [{{ .mode }}]
{{- with .root.Values.storage.className }}
storageClassName: {{ . }}
{{- end }}
resources: {requests: {storage: {{ .size }}}}
{{- end -}}

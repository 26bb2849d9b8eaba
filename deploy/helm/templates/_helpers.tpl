{{- define "regimeflow.name" -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{- define "regimeflow.topology" -}}
{{- .Files.Get "topology.json" -}}
{{- end -}}

{{- /* The processes that run, as JSON: an account is read where a key is named, at a real venue. */ -}}
{{- define "regimeflow.processes" -}}
{{- $processes := (include "regimeflow.topology" . | fromJson).processes -}}
{{- if or (eq .Values.exchange "simulated") (not .Values.processes.account.secrets) -}}
{{- $processes = omit $processes "account" -}}
{{- end -}}
{{- toJson $processes -}}
{{- end -}}

{{- /* Of (dict "root" $ "process" NAME). */ -}}
{{- define "regimeflow.selector" -}}
app.kubernetes.io/name: regimeflow
app.kubernetes.io/instance: {{ .root.Release.Name }}
{{- with .process }}
app.kubernetes.io/component: {{ . }}
{{- end }}
{{- end -}}

{{- define "regimeflow.labels" -}}
{{ include "regimeflow.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ .root.Chart.Name }}-{{ .root.Chart.Version }}
{{- end -}}

{{- define "regimeflow.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}
{{ .repository }}@{{ .digest }}
{{- else -}}
{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "regimeflow.bootstrap" -}}
{{- $strimzi := printf "%s-kafka-bootstrap.%s.svc:%v" .Values.strimzi.cluster .Release.Namespace .Values.kafka.port -}}
{{- .Values.kafka.bootstrap | default (ternary $strimzi "" .Values.strimzi.enabled) -}}
{{- end -}}

{{- /* What no schema can say. */ -}}
{{- define "regimeflow.check" -}}
{{- $processes := (include "regimeflow.topology" . | fromJson).processes -}}
{{- $values := .Values -}}
{{- range $name, $process := $values.processes -}}
{{- if not (hasKey $processes $name) -}}
{{- fail (printf "processes.%s is no process; expected one of %s" $name (keys $processes | sortAlpha | join ", ")) -}}
{{- end -}}
{{- $facts := get $processes $name -}}
{{- if and $facts.unscaled (ne $name "gateway") (gt (int ($process.replicas | default 1)) 1) -}}
{{- fail (printf "processes.%s.replicas is %d, expected 1: %s" $name (int $process.replicas) $facts.unscaled) -}}
{{- end -}}
{{- if and $facts.unscaled (hasKey $process "maxReplicas") -}}
{{- fail (printf "processes.%s.maxReplicas: it is not scaled by lag: %s" $name $facts.unscaled) -}}
{{- end -}}
{{- if and (not $facts.unscaled) (gt (int ($process.replicas | default 1)) (int $values.kafka.partitions)) -}}
{{- fail (printf "processes.%s.replicas is %d, expected at most kafka.partitions, %d" $name (int $process.replicas) (int $values.kafka.partitions)) -}}
{{- end -}}
{{- end -}}
{{- range $name, $_ := $processes -}}
{{- if not (hasKey $values.processes $name) -}}
{{- fail (printf "processes.%s is missing: every process has its values" $name) -}}
{{- end -}}
{{- end -}}
{{- if not (include "regimeflow.bootstrap" .) -}}
{{- fail "kafka.bootstrap is empty: name the brokers, or set strimzi.enabled" -}}
{{- end -}}
{{- with $values.gateway -}}
{{- if not (or .apiKeys .insecure .oidc.issuer) -}}
{{- fail "gateway: nobody has to sign in: set apiKeys or oidc.issuer, or insecure where everybody may do everything" -}}
{{- end -}}
{{- if and .insecure (ne $values.environment "dev") -}}
{{- fail (printf "gateway.insecure: in %s somebody has to sign in" $values.environment) -}}
{{- end -}}
{{- if and .oidc.issuer (not (or .oidc.audience .oidc.clientId)) -}}
{{- fail "gateway.oidc: tokens of an issuer need an audience or a clientId, or those made for others would count" -}}
{{- end -}}
{{- if and .ingress.enabled (not .ingress.host) -}}
{{- fail "gateway.ingress.host is empty: name the host that the certificate is for" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "regimeflow.podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
fsGroupChangePolicy: OnRootMismatch
seccompProfile: {type: RuntimeDefault}
{{- end -}}

{{- define "regimeflow.containerSecurity" -}}
allowPrivilegeEscalation: false
privileged: false
readOnlyRootFilesystem: true
runAsNonRoot: true
capabilities: {drop: [ALL]}
{{- end -}}

{{- /* How a container of (dict "root" $ "user" NAME) reaches Kafka. */ -}}
{{- define "regimeflow.kafkaEnv" -}}
- name: REGIMEFLOW_KAFKA_BOOTSTRAP_SERVERS
  value: {{ include "regimeflow.bootstrap" .root | quote }}
{{- $name := include "regimeflow.name" .root }}
{{- if .root.Values.strimzi.enabled }}
- name: KAFKA_USER_PASSWORD
  valueFrom: {secretKeyRef: {name: {{ $name }}-{{ .user }}, key: password}}
- name: REGIMEFLOW_KAFKA_CLIENT
  value: '{"security.protocol":"SASL_SSL","sasl.mechanism":"SCRAM-SHA-512","sasl.username":"{{ $name }}-{{ .user }}","sasl.password":"$(KAFKA_USER_PASSWORD)","ssl.ca.location":"/etc/kafka-ca/ca.crt"}'
{{- else if .root.Values.kafka.clientSecret.name }}
- name: REGIMEFLOW_KAFKA_CLIENT
  valueFrom: {secretKeyRef: {{ toJson (pick .root.Values.kafka.clientSecret "name" "key") }}}
{{- end }}
{{- end -}}

{{- define "regimeflow.kafkaMount" -}}
{{- if .Values.strimzi.enabled }}
- {name: kafka-ca, mountPath: /etc/kafka-ca, readOnly: true}
{{- end }}
{{- end -}}

{{- define "regimeflow.kafkaVolume" -}}
{{- if .Values.strimzi.enabled }}
- name: kafka-ca
  secret: {secretName: {{ .Values.strimzi.cluster }}-cluster-ca-cert, items: [{key: ca.crt, path: ca.crt}]}
{{- end }}
{{- end -}}

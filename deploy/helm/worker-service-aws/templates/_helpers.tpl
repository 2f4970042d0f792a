{{- define "worker.fullname" -}}
{{- if contains .Chart.Name .Release.Name }}{{ .Release.Name | trunc 52 | trimSuffix "-" }}
{{- else }}{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 52 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- define "worker.selectorLabels" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: worker
{{- end }}

{{- define "worker.commonLabels" -}}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{- define "worker.labels" -}}
{{ include "worker.selectorLabels" . }}
{{ include "worker.commonLabels" . }}
{{- end }}

{{- /* The migration's pods are not the worker's: no service and no budget counts them. */ -}}
{{- define "worker.migrationSelectorLabels" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: migration
{{- end }}

{{- define "worker.image" -}}
image: {{ printf "%s:%s" .Values.image.repository (.Values.image.tag | default .Chart.AppVersion) | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
{{- end }}

{{- /* Variables in the clear, and those that name the files of secrets. */ -}}
{{- define "worker.env" -}}
{{- range $name, $value := .env }}
- name: {{ $name }}
  value: {{ $value | quote }}
{{- end }}
{{- range $name, $key := .secrets }}
- name: {{ $name }}_FILE
  value: /etc/csb/secrets/{{ $name }}
{{- end }}
{{- end }}

{{- /* A file for each secret, named as its variable. The kubelet renews them, and the worker reads them again. */ -}}
{{- define "worker.secretsVolume" -}}
- name: secrets
  projected:
    sources:
      {{- range $name, $key := . }}
      - secret:
          name: {{ $key.name }}
          items:
            - key: {{ $key.key }}
              path: {{ $name }}
      {{- end }}
{{- end }}

{{- define "worker.secretsMount" -}}
- name: secrets
  mountPath: /etc/csb/secrets
  readOnly: true
{{- end }}

{{- /* As the Pod Security Standard "restricted" asks. The user is that of the image, by its number: Kubernetes knows no names. */ -}}
{{- define "worker.podSecurity" -}}
automountServiceAccountToken: false
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  seccompProfile:
    type: RuntimeDefault
{{- end }}

{{- define "worker.containerSecurity" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop: ["ALL"]
{{- end }}

{{- /* DNS to anyone: it may be a pod, a node's cache or a server outside. */ -}}
{{- define "worker.egressToDns" -}}
- ports:
    - port: 53
      protocol: UDP
    - port: 53
      protocol: TCP
{{- end }}

{{- define "worker.egressToPostgres" -}}
- ports:
    - port: {{ .Values.env.DB_PORT | default "5432" | int }}
  {{- with .Values.networkPolicy.postgresTo }}
  to: {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}

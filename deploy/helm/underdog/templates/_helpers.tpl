{{- define "underdog.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if contains $name .Release.Name -}}
{{- .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* What tells this release's replicas from others; it may never change, since a Deployment's selector may not. */}}
{{- define "underdog.selector" -}}
app.kubernetes.io/name: {{ default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "underdog.labels" -}}
{{ include "underdog.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- end -}}

{{- define "underdog.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ default .Chart.AppVersion .Values.image.tag }}
{{- end -}}
{{- end -}}

{{- define "underdog.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{ default (include "underdog.fullname" .) .Values.serviceAccount.name }}
{{- else -}}
{{ default "default" .Values.serviceAccount.name }}
{{- end -}}
{{- end -}}

{{/* The Secret that holds the variables; empty where there is none. */}}
{{- define "underdog.secret" -}}
{{- if .Values.secret.existing -}}
{{ .Values.secret.existing }}
{{- else if .Values.secret.values -}}
{{ include "underdog.fullname" . }}
{{- end -}}
{{- end -}}

{{- define "underdog.claim" -}}
{{ default (include "underdog.fullname" .) .Values.home.persistent.existingClaim }}
{{- end -}}

{{/* Refuses values that would run, and do harm. */}}
{{- define "underdog.check" -}}
{{- if not (or .Values.secret.existing .Values.secret.values .Values.env .Values.envFrom) -}}
{{- fail "secret.existing or secret.values: give UNDERDOG_MASTER_KEY or UNDERDOG_API_KEY; without a key the server refuses to listen for other machines." -}}
{{- end -}}
{{- if and .Values.secret.existing .Values.secret.values -}}
{{- fail "secret.existing and secret.values exclude each other." -}}
{{- end -}}
{{- if and .Values.home.persistent.enabled (or .Values.autoscaling.enabled (gt (int .Values.replicaCount) 1)) -}}
{{- fail "home.persistent is for one replica: set replicaCount to 1 and autoscaling.enabled to false, or use UNDERDOG_DATABASE_URL instead." -}}
{{- end -}}
{{- if and .Values.autoscaling.enabled (gt (int .Values.autoscaling.minReplicas) (int .Values.autoscaling.maxReplicas)) -}}
{{- fail "autoscaling.minReplicas is above autoscaling.maxReplicas." -}}
{{- end -}}
{{- end -}}

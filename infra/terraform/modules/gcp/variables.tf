# Names are those of modules/aws wherever the thing is the same; tests/terraform/test_parity.py lists the differences.

# --- The four that have no default ---------------------------------------------------------------------------------

variable "project" {
  description = "Id of the Google Cloud project in which everything is created."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project))
    error_message = "project: expected the project's id (6 to 30 lower-case letters, digits and hyphens), not its display name or number."
  }
}

variable "elevenlabs_agent_id" {
  description = "The ElevenLabs agent that answers, as its page shows it (agent_…). Empty: relay_environment names an AGENTS_FILE."
  type        = string
  default     = ""

  validation {
    condition     = can(regex("^([A-Za-z0-9_-]{8,64})?$", var.elevenlabs_agent_id))
    error_message = "elevenlabs_agent_id: expected an agent's id such as agent_0123456789abcdef, 8 to 64 letters, digits, _ or -."
  }
  validation {
    condition     = var.elevenlabs_agent_id != "" || contains(keys(var.relay_environment), "AGENTS_FILE")
    error_message = "elevenlabs_agent_id: expected the id of an ElevenLabs agent, or AGENTS_FILE in relay_environment."
  }
  validation {
    condition     = var.elevenlabs_agent_id == "" || contains(keys(var.secret_versions), "elevenlabs_api_key")
    error_message = "elevenlabs_agent_id: expected together with elevenlabs_api_key."
  }
}

variable "transfer_targets" {
  description = "Humans that a caller can be transferred to: name = number in E.164, or several with commas, dialled in order. The first name in the alphabet is the default."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for number in values(var.transfer_targets) : can(regex("^\\+[1-9][0-9]{7,14}(,\\+[1-9][0-9]{7,14})*$", number))])
    error_message = "transfer_targets: expected every number in E.164 such as +919876500001."
  }
  validation {
    condition     = length(var.transfer_targets) > 0 || var.transfer_team_1_number != "" || var.transfer_team_2_number != ""
    error_message = "transfer_targets: expected at least one, such as {\"support\": \"+919876500001\"}, or transfer_team_1_number."
  }
}

# --- Secrets -------------------------------------------------------------------------------------------------------
# Ephemeral: they are nowhere but in the secret store. A value is written when its number in secret_versions changes, so
# an apply that changes none can do without them.

variable "media_token" {
  description = "Token in the path of the media socket; Exotel does not sign requests, so only this keeps strangers out. The first value is the current one; a second is the previous one, which is still valid."
  type        = string
  default     = ""
  sensitive   = true
  ephemeral   = true

  validation {
    condition     = can(regex("^([A-Za-z0-9_-]{24,128}(,[A-Za-z0-9_-]{24,128})*)?$", var.media_token))
    error_message = "media_token: expected 24 to 128 letters, digits, _ or -, or two of them with a comma while one is rotated."
  }
}

variable "exotel_token" {
  description = "Token in the query of the Connect and Passthru URLs; several as media_token."
  type        = string
  default     = ""
  sensitive   = true
  ephemeral   = true

  validation {
    condition     = can(regex("^([A-Za-z0-9_-]{24,128}(,[A-Za-z0-9_-]{24,128})*)?$", var.exotel_token))
    error_message = "exotel_token: expected 24 to 128 letters, digits, _ or -, or two of them with a comma while one is rotated."
  }
}

variable "control_token" {
  description = "Bearer token of the relay's /bg-sound; several as media_token."
  type        = string
  default     = ""
  sensitive   = true
  ephemeral   = true

  validation {
    condition     = can(regex("^([A-Za-z0-9_-]{24,128}(,[A-Za-z0-9_-]{24,128})*)?$", var.control_token))
    error_message = "control_token: expected 24 to 128 letters, digits, _ or -, or two of them with a comma while one is rotated."
  }
}

variable "events_secret" {
  description = "Signs the relay's events to the webhook function: the first value signs, all are accepted."
  type        = string
  default     = ""
  sensitive   = true
  ephemeral   = true

  validation {
    condition     = can(regex("^([A-Za-z0-9_-]{24,128}(,[A-Za-z0-9_-]{24,128})*)?$", var.events_secret))
    error_message = "events_secret: expected 24 to 128 letters, digits, _ or -, or two of them with a comma while one is rotated."
  }
}

variable "elevenlabs_api_key" {
  description = "API key of the ElevenLabs workspace."
  type        = string
  default     = ""
  sensitive   = true
  ephemeral   = true

  validation {
    condition     = can(regex("^([A-Za-z0-9_-]{16,128})?$", var.elevenlabs_api_key))
    error_message = "elevenlabs_api_key: expected an API key, 16 to 128 letters, digits, _ or -, without spaces or quotes."
  }
}

variable "elevenlabs_webhook_secret" {
  description = "Secret of the post-call webhook (wsec_…), several, separated by commas, while you rotate it. ElevenLabs shows it once the webhook's URL, an output of the first deploy, is entered there; until then webhooks are refused and the sweep fetches transcripts."
  type        = string
  default     = ""
  sensitive   = true
  ephemeral   = true

  validation {
    condition     = can(regex("^\\S*$", var.elevenlabs_webhook_secret))
    error_message = "elevenlabs_webhook_secret: expected wsec_…, or several with commas, without spaces or line breaks."
  }
}

variable "raw_bodies_key" {
  description = "Encrypts raw webhooks with RAW_BODIES=encrypted in webhook_environment: the first value encrypts, all decrypt. `console deploy` makes it when the setting needs it."
  type        = string
  default     = ""
  sensitive   = true
  ephemeral   = true

  validation {
    condition     = can(regex("^([A-Za-z0-9_-]{24,128}(,[A-Za-z0-9_-]{24,128})*)?$", var.raw_bodies_key))
    error_message = "raw_bodies_key: expected 24 to 128 letters, digits, _ or -, or several of them with commas."
  }
}

variable "secret_versions" {
  description = "Which of the secrets above are set, each with a number that changes with its value. `console deploy` derives the numbers from the values."
  type        = map(number)
  default     = { media_token = 1, exotel_token = 1, control_token = 1, events_secret = 1, elevenlabs_api_key = 1 }

  validation {
    condition     = length(setsubtract(keys(var.secret_versions), ["media_token", "exotel_token", "control_token", "events_secret", "elevenlabs_api_key", "elevenlabs_webhook_secret", "raw_bodies_key"])) == 0
    error_message = "secret_versions: expected names of secrets: media_token, exotel_token, control_token, events_secret, elevenlabs_api_key, elevenlabs_webhook_secret, raw_bodies_key."
  }
  validation {
    condition     = length(setsubtract(["media_token", "exotel_token", "control_token", "events_secret"], keys(var.secret_versions))) == 0
    error_message = "secret_versions: expected media_token, exotel_token, control_token and events_secret among them."
  }
  validation {
    condition     = alltrue([for version in values(var.secret_versions) : version >= 1 && floor(version) == version])
    error_message = "secret_versions: expected whole numbers from 1."
  }
}

# --- Agent and calls -----------------------------------------------------------------------------------------------

variable "elevenlabs_region" {
  description = "Region of the ElevenLabs workspace."
  type        = string
  default     = "default"

  validation {
    condition     = contains(["default", "us", "eu", "india", "singapore"], var.elevenlabs_region)
    error_message = "elevenlabs_region: expected default, us, eu, india or singapore."
  }
}

variable "transfer_team_1_number" {
  description = "A target by its old name: the number of team 1, E.164."
  type        = string
  default     = ""

  validation {
    condition     = can(regex("^(\\+[1-9][0-9]{7,14})?$", var.transfer_team_1_number))
    error_message = "transfer_team_1_number: expected E.164 such as +919876500001."
  }
}

variable "transfer_team_2_number" {
  description = "A target by its old name: the number of team 2, E.164."
  type        = string
  default     = ""

  validation {
    condition     = can(regex("^(\\+[1-9][0-9]{7,14})?$", var.transfer_team_2_number))
    error_message = "transfer_team_2_number: expected E.164 such as +919876500001."
  }
}

variable "lookup_url" {
  description = "Your server that is asked who is calling before the agent speaks (docs/lookup.md), https://…; empty: none. Set its own secret in relay_secrets as LOOKUP_SECRET; without one EVENTS_SECRET signs."
  type        = string
  default     = ""

  validation {
    condition     = can(regex("^(https?://[^ ]+)?$", var.lookup_url))
    error_message = "lookup_url: expected an https:// URL, or nothing."
  }
}

variable "lookup_seconds" {
  description = "Seconds to wait for the answer from lookup_url; then the call goes on without it."
  type        = number
  default     = 1.5

  validation {
    condition     = var.lookup_seconds >= 0.1 && var.lookup_seconds <= 5
    error_message = "lookup_seconds: expected 0.1 to 5."
  }
}

variable "lookup_shape" {
  description = "Format of the request to lookup_url and of its answer: ours, or elevenlabs for a webhook written for ElevenLabs' own telephony."
  type        = string
  default     = "ours"

  validation {
    condition     = contains(["ours", "elevenlabs"], var.lookup_shape)
    error_message = "lookup_shape: expected ours or elevenlabs."
  }
}

variable "relay_environment" {
  description = "Further settings of the relay (docs/configuration.md), for instance { BACKGROUND_SOUND_VOLUME = \"0.2\" }. Never secrets: use relay_secrets for those."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for name in keys(var.relay_environment) : !can(regex("(SECRET|TOKEN|PASSWORD|API_KEY|BASIC_AUTH|HEADERS)", name))])
    error_message = "relay_environment: a secret must not be plain environment; put it in Secret Manager and its id in relay_secrets."
  }
  validation {
    condition     = !contains(keys(var.relay_environment), "MAX_CALLS")
    error_message = "relay_environment: MAX_CALLS is set by the variable relay_max_calls."
  }
  validation {
    condition     = length(setintersection(keys(var.relay_environment), ["DRAIN_SECONDS", "PORT"])) == 0
    error_message = "relay_environment: PORT and DRAIN_SECONDS can't be set. Cloud Run sets the port, and kills an instance 10 s after SIGTERM."
  }
  validation {
    condition     = try(tonumber(lookup(var.relay_environment, "MAX_CALL_SECONDS", "1")) <= 3540, false)
    error_message = "relay_environment: MAX_CALL_SECONDS: expected 3540 or less. Cloud Run cuts a call after 3,600 s; the relay hands it over a minute before."
  }
}

variable "agents_file" {
  description = "Path of an agents' file (docs/agents.md) that is put into the bucket once. Relays use it until make agents-push replaces it. Its sounds are not uploaded. Empty: relays use the file in their image."
  type        = string
  default     = ""

  validation {
    condition     = var.agents_file == "" ? true : fileexists(var.agents_file)
    error_message = "agents_file: expected the path of a file, from the folder of these files."
  }
}

variable "relay_secrets" {
  description = "Further secrets of the relay: environment variable = id of a secret in this project's Secret Manager, with :VERSION or without (latest), for instance MEDIA_BASIC_AUTH or another vendor's key."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for reference in values(var.relay_secrets) : can(regex("^[A-Za-z0-9_-]{1,255}(:([0-9]+|latest))?$", reference))])
    error_message = "relay_secrets: expected ids of secrets such as openai-api-key or openai-api-key:3."
  }
}

variable "webhook_environment" {
  description = "Further settings of the webhook function and the sweep (docs/functions.md), for instance { FETCH_AUDIO = \"true\" }. Never secrets."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for name in keys(var.webhook_environment) : !can(regex("(SECRET|TOKEN|PASSWORD|API_KEY|BODIES_KEY|BASIC_AUTH|HEADERS)", name))])
    error_message = "webhook_environment: a secret must not be plain environment."
  }
  validation {
    condition     = lower(lookup(var.webhook_environment, "RAW_BODIES", "")) != "encrypted" || contains(keys(var.secret_versions), "raw_bodies_key")
    error_message = "webhook_environment: RAW_BODIES = encrypted needs raw_bodies_key, and its number in secret_versions."
  }
  validation {
    condition     = length(setintersection(keys(var.webhook_environment), ["STORE", "THREADS"])) == 0
    error_message = "webhook_environment: STORE and THREADS can't be set. The deployment creates the bucket, and gives an instance as many threads as it takes requests."
  }
  validation {
    condition     = length(setintersection(keys(var.webhook_environment), ["AUDIO_RETENTION_DAYS", "INBOX_RETENTION_DAYS", "RECORDS_RETENTION_DAYS"])) == 0
    error_message = "webhook_environment: the bucket's own rules delete what is old; set the variables audio_retention_days, inbox_retention_days and records_retention_days instead of AUDIO_RETENTION_DAYS, INBOX_RETENTION_DAYS and RECORDS_RETENTION_DAYS."
  }
}

variable "transfer_environment" {
  description = "Further settings of the transfer function (docs/functions.md), for instance { TRANSFER_WAIT_SECONDS = \"8\" }. Never secrets."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for name in keys(var.transfer_environment) : !can(regex("(SECRET|TOKEN|PASSWORD|API_KEY|BASIC_AUTH|HEADERS)", name))])
    error_message = "transfer_environment: a secret must not be plain environment."
  }
  validation {
    condition     = length(setintersection(keys(var.transfer_environment), ["STORE", "THREADS"])) == 0
    error_message = "transfer_environment: STORE and THREADS can't be set. The deployment creates the bucket, and gives an instance as many threads as it takes requests."
  }
}

# --- Place and name ------------------------------------------------------------------------------------------------

variable "region" {
  description = "Google Cloud region. Mumbai is nearest to Exotel and its callers."
  type        = string
  default     = "asia-south1"

  validation {
    condition     = can(regex("^[a-z]+-[a-z]+[0-9]+$", var.region))
    error_message = "region: expected a region such as asia-south1, without a zone's letter."
  }
}

variable "name" {
  description = "Prefix of all names; another prefix makes a second, separate installation in the same project."
  type        = string
  default     = "voice-bridge"

  validation {
    # A service account's id has at most 30 characters, and the longest is NAME-scheduler.
    condition     = can(regex("^[a-z][a-z0-9-]{1,18}[a-z0-9]$", var.name))
    error_message = "name: expected 3 to 20 lower-case letters, digits and hyphens, starting with a letter."
  }
}

variable "domain_name" {
  description = "Name for the relay, for instance calls.example.com. Empty: Cloud Run's own name and certificate are used."
  type        = string
  default     = ""

  validation {
    condition     = can(regex("^(([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\\.)+[a-z]{2,63})?$", var.domain_name))
    error_message = "domain_name: expected a name such as calls.example.com, without https:// and without a path."
  }
}

variable "dns_zone" {
  description = "Name of the Cloud DNS zone in this project that domain_name belongs to. Empty: create the A record yourself, from the output domain_address."
  type        = string
  default     = ""

  validation {
    condition     = var.dns_zone == "" || var.domain_name != ""
    error_message = "dns_zone: expected only together with domain_name."
  }
}

variable "allowed_addresses" {
  description = "Networks that may reach the relay's load balancer, for instance those that Exotel gave you; needs domain_name. Empty: all networks, and only the token in the path keeps strangers out."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for network in var.allowed_addresses : can(cidrnetmask(network))])
    error_message = "allowed_addresses: expected IPv4 networks such as 203.0.113.0/24."
  }
  validation {
    condition     = length(var.allowed_addresses) == 0 || var.domain_name != ""
    error_message = "allowed_addresses: expected together with domain_name; without one there is no load balancer."
  }
}

variable "requests_per_address" {
  description = "Requests that the relay's load balancer takes from one address in five minutes; 0: no limit. A call is one request, and all calls come from a few Exotel addresses. Needs domain_name; Cloud Armor costs extra."
  type        = number
  default     = 0

  validation {
    condition     = var.requests_per_address == 0 || (var.requests_per_address >= 100 && var.requests_per_address <= 1000000 && floor(var.requests_per_address) == var.requests_per_address)
    error_message = "requests_per_address: expected 0, or a whole number from 100 to 1000000."
  }
  validation {
    condition     = var.requests_per_address == 0 || var.domain_name != ""
    error_message = "requests_per_address: expected together with domain_name."
  }
}

variable "kms_key_name" {
  description = "Your own key for records, secrets and logs, in the same region; empty for Google's. Allow Google's service agents to use it first (docs/gcp.md)."
  type        = string
  default     = ""

  validation {
    condition     = can(regex("^(projects/[^/]+/locations/[^/]+/keyRings/[^/]+/cryptoKeys/[^/]+)?$", var.kms_key_name))
    error_message = "kms_key_name: expected projects/PROJECT/locations/REGION/keyRings/RING/cryptoKeys/KEY."
  }
}

# --- Relay ---------------------------------------------------------------------------------------------------------

variable "relay_image_tag" {
  description = "Tag of the relay's image in the repository that this module creates; make deploy-gcp derives it from the content."
  type        = string
  default     = "none"

  validation {
    condition     = can(regex("^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$", var.relay_image_tag)) && var.relay_image_tag != "latest"
    error_message = "relay_image_tag: expected a tag that names one content, so not latest."
  }
}

variable "relay_cpu" {
  description = "CPUs of a relay instance. The relay is one process: a second CPU only takes the network's work off it. Cloud Run gives less than one only to instances that serve one request at a time."
  type        = number
  default     = 1

  validation {
    condition     = contains([1, 2], var.relay_cpu)
    error_message = "relay_cpu: expected 1 or 2."
  }
}

variable "relay_memory" {
  description = "Memory of a relay instance, MiB."
  type        = number
  default     = 1024

  validation {
    condition     = var.relay_memory >= 512 && var.relay_memory <= 8192 && floor(var.relay_memory) == var.relay_memory
    error_message = "relay_memory: expected 512 (the least of a second-generation instance) to 8192."
  }
}

variable "relay_max_calls" {
  description = "The most calls of one instance, and its Cloud Run concurrency; 0 means 100, which one vCPU carries with CPU to spare."
  type        = number
  default     = 0

  validation {
    # One process, so one CPU is what counts; Cloud Run's own limit is 1,000 requests an instance.
    condition     = var.relay_max_calls == 0 || (var.relay_max_calls >= 2 && var.relay_max_calls <= 300)
    error_message = "relay_max_calls: expected 0, or 2 to 300."
  }
}

variable "relay_min_instances" {
  description = "Relay instances that always run; with none, the first caller would wait for a container to start."
  type        = number
  default     = 1

  validation {
    condition     = var.relay_min_instances >= 1 && floor(var.relay_min_instances) == var.relay_min_instances
    error_message = "relay_min_instances: expected a whole number from 1."
  }
}

variable "relay_max_instances" {
  description = "The most relay instances; limits the bill."
  type        = number
  default     = 10

  validation {
    condition     = var.relay_max_instances >= var.relay_min_instances && floor(var.relay_max_instances) == var.relay_max_instances
    error_message = "relay_max_instances: expected a whole number, relay_min_instances or more."
  }
}

# --- Functions -----------------------------------------------------------------------------------------------------

variable "package_directory" {
  description = "Folder with the functions' packages that make package writes."
  type        = string
  default     = "../../../build"
}

variable "transfer_min_instances" {
  description = "Instances of the transfer function that always run. Exotel waits only seconds for its answer, and with 0 they include a cold start."
  type        = number
  default     = 1

  validation {
    condition     = var.transfer_min_instances >= 0 && floor(var.transfer_min_instances) == var.transfer_min_instances
    error_message = "transfer_min_instances: expected a whole number from 0."
  }
}

variable "function_max_instances" {
  description = "The most instances of the webhook and of the transfer function; limits what a flood can cost."
  type        = number
  default     = 10

  validation {
    condition     = var.function_max_instances >= 1 && var.function_max_instances >= var.transfer_min_instances
    error_message = "function_max_instances: expected a number from 1, transfer_min_instances or more."
  }
}

variable "sweep_minutes" {
  description = "How often the sweep looks for calls whose webhook never came."
  type        = number
  default     = 15

  validation {
    condition     = var.sweep_minutes >= 5 && var.sweep_minutes <= 60 && floor(var.sweep_minutes) == var.sweep_minutes
    error_message = "sweep_minutes: expected a whole number from 5 to 60."
  }
}

# --- Keeping and seeing --------------------------------------------------------------------------------------------

variable "records_retention_days" {
  description = "Days after which records, transcripts and audio are deleted."
  type        = number
  default     = 365

  validation {
    condition     = var.records_retention_days >= 1 && var.records_retention_days <= 3650
    error_message = "records_retention_days: expected 1 to 3650."
  }
}

variable "audio_retention_days" {
  description = "Days after which sound is deleted, both the vendor's and your own recordings; 0: with the records."
  type        = number
  default     = 0

  validation {
    condition     = var.audio_retention_days >= 0 && var.audio_retention_days <= 3650
    error_message = "audio_retention_days: expected 0 to 3650."
  }
}

variable "inbox_retention_days" {
  description = "Days after which the raw bodies of webhooks are deleted; 0: with the records."
  type        = number
  default     = 0

  validation {
    condition     = var.inbox_retention_days >= 0 && var.inbox_retention_days <= 3650
    error_message = "inbox_retention_days: expected 0 to 3650."
  }
}

variable "delete_records" {
  description = "Allow destroy to delete a bucket that still holds records."
  type        = bool
  default     = false
}

variable "log_retention_days" {
  description = "Days that logs are kept."
  type        = number
  default     = 30

  validation {
    condition     = var.log_retention_days >= 1 && var.log_retention_days <= 3650 && floor(var.log_retention_days) == var.log_retention_days
    error_message = "log_retention_days: expected a whole number from 1 to 3650."
  }
}

variable "alarm_email" {
  description = "Who gets the alarms. Empty: nobody; Google's console lists them."
  type        = string
  default     = ""

  validation {
    condition     = can(regex("^([^@\\s]+@[^@\\s]+\\.[^@\\s]+)?$", var.alarm_email))
    error_message = "alarm_email: expected an e-mail address."
  }
}

variable "monthly_budget" {
  description = "Monthly budget of the project, in the billing account's currency: a mail at 80 % spent, or 100 % forecast. 0: no mail. Needs billing_account."
  type        = number
  default     = 0

  validation {
    condition     = var.monthly_budget >= 0 && floor(var.monthly_budget) == var.monthly_budget
    error_message = "monthly_budget: expected a whole number from 0."
  }
  validation {
    condition     = (var.monthly_budget > 0) == (var.billing_account != "")
    error_message = "monthly_budget: expected together with billing_account, and not without it."
  }
}

variable "billing_account" {
  description = "Billing account of the project, for monthly_budget; the deployer needs permission to create budgets there."
  type        = string
  default     = ""

  validation {
    condition     = can(regex("^([0-9A-F]{6}-[0-9A-F]{6}-[0-9A-F]{6})?$", var.billing_account))
    error_message = "billing_account: expected an id such as 012345-6789AB-CDEF01."
  }
}

variable "alarm_thresholds" {
  description = "Changed thresholds of alarms, by the alarm's name (docs/aws.md, docs/gcp.md): { calls-refused = 5 }."
  type        = map(number)
  default     = {}

  validation {
    condition = alltrue([for name in keys(var.alarm_thresholds) : contains([
      "agents-failed",
      "answers-slow",
      "calls-refused",
      "conversations-unverified",
      "deployment-failed",
      "agents-refused",
      "events-undelivered",
      "exotel-refused",
      "few-healthy-instances",
      "functions-5xx",
      "log-lines-dropped",
      "near-capacity",
      "relay-5xx",
      "relay-cpu",
      "requests-turned-away",
      "sweep-failures",
      "transfers-missed",
      "webhooks-refused",
    ], name)])
    error_message = "alarm_thresholds: expected names of alarms that have a threshold, such as calls-refused."
  }
}

variable "calls_expected" {
  description = "Hours, in UTC, and days (1 is Monday, up to last_weekday) in which calls are expected; two hours without a call raise an alarm. Null: no such alarm."
  type        = object({ from_hour_utc = number, to_hour_utc = number, last_weekday = optional(number, 7) })
  default     = null

  validation {
    condition     = var.calls_expected == null || try(var.calls_expected.from_hour_utc >= 0 && var.calls_expected.from_hour_utc < var.calls_expected.to_hour_utc && var.calls_expected.to_hour_utc <= 24, false)
    error_message = "calls_expected: expected from_hour_utc below to_hour_utc, both from 0 to 24."
  }
}

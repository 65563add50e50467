# --- The three that have no default -------------------------------------------------------------------------------

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

# --- Agent and calls ----------------------------------------------------------------------------------------------

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
    error_message = "relay_environment: a secret must not be plain environment; put it in Secrets Manager and its ARN in relay_secrets."
  }
  validation {
    condition     = !contains(keys(var.relay_environment), "MAX_CALLS")
    error_message = "relay_environment: MAX_CALLS is set by the variable relay_max_calls."
  }
  validation {
    condition     = !contains(keys(var.relay_environment), "METRICS_NAMESPACE")
    error_message = "relay_environment: METRICS_NAMESPACE is set by the variable name; alarms and scaling read it."
  }
  validation {
    condition     = try(tonumber(lookup(var.relay_environment, "STATS_SECONDS", "15")) <= 20, false)
    error_message = "relay_environment: STATS_SECONDS: expected 20 or less. Autoscaling goes by these lines of the log."
  }
  validation {
    condition     = length(setintersection(keys(var.relay_environment), ["DRAIN_SECONDS", "PORT"])) == 0
    error_message = "relay_environment: PORT and DRAIN_SECONDS can't be set. The load balancer uses the port set here, and Fargate kills a task 120 s after SIGTERM."
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
  description = "Further secrets of the relay: environment variable = ARN in Secrets Manager, for instance MEDIA_BASIC_AUTH or another vendor's key."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for arn in values(var.relay_secrets) : can(regex("^arn:aws[a-z-]*:secretsmanager:", arn))])
    error_message = "relay_secrets: expected ARNs of Secrets Manager such as arn:aws:secretsmanager:ap-south-1:123456789012:secret:name."
  }
}

variable "webhook_environment" {
  description = "Further settings of the webhook function (docs/functions.md), for instance { FETCH_AUDIO = \"true\" }. Never secrets."
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

# --- Place and name -----------------------------------------------------------------------------------------------

variable "region" {
  description = "AWS region. Mumbai is nearest to Exotel and its callers."
  type        = string
  default     = "ap-south-1"

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "region: expected an AWS region such as ap-south-1."
  }
}

variable "name" {
  description = "Prefix of all names; another prefix makes a second, separate installation in the same account."
  type        = string
  default     = "voice-bridge"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,18}[a-z0-9]$", var.name))
    error_message = "name: expected 3 to 20 lower-case letters, digits and hyphens, starting with a letter."
  }
}

variable "domain_name" {
  description = "Name for the relay, for instance calls.example.com. Empty: CloudFront's own name and certificate are used."
  type        = string
  default     = ""

  validation {
    condition     = can(regex("^(([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\\.)+[a-z]{2,63})?$", var.domain_name))
    error_message = "domain_name: expected a name such as calls.example.com, without https:// and without a path."
  }
}

variable "hosted_zone_id" {
  description = "Route 53 zone that domain_name belongs to. Empty: create the records in the output dns_records yourself; the deploy prints them and waits."
  type        = string
  default     = ""

  validation {
    condition     = var.hosted_zone_id == "" || var.domain_name != ""
    error_message = "hosted_zone_id: expected only together with domain_name."
  }
  validation {
    condition     = can(regex("^([A-Z0-9]{5,32})?$", var.hosted_zone_id))
    error_message = "hosted_zone_id: expected a Route 53 zone id such as Z0123456789ABCDEFGHIJ."
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
    error_message = "allowed_addresses: expected together with domain_name; without one the load balancer sees CloudFront's addresses only."
  }
}

variable "requests_per_address" {
  description = "Requests that the relay's load balancer takes from one address in five minutes; 0: no limit. A call is one request, and all calls come from a few Exotel addresses. Needs domain_name; AWS WAF costs extra."
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

variable "kms_key_arn" {
  description = "Your own key for records, secrets, logs and the functions' environment; empty for AWS's. Its policy must allow logs.REGION.amazonaws.com to use it (docs/aws.md)."
  type        = string
  default     = ""

  validation {
    condition     = can(regex("^(arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/.+)?$", var.kms_key_arn))
    error_message = "kms_key_arn: expected the ARN of a key, not of an alias."
  }
}

variable "permissions_boundary" {
  description = "ARN of a permissions boundary for every role that is created; empty for none."
  type        = string
  default     = ""

  validation {
    condition     = can(regex("^(arn:aws[a-z-]*:iam::[0-9]*:policy/.+)?$", var.permissions_boundary))
    error_message = "permissions_boundary: expected the ARN of a policy."
  }
}

variable "vpc_cidr" {
  description = "Addresses of the VPC; choose another range if you want to peer it."
  type        = string
  default     = "10.64.0.0/16"

  validation {
    condition     = can(cidrhost(var.vpc_cidr, 0)) && can(regex("/(1[6-9]|2[0-2])$", var.vpc_cidr))
    error_message = "vpc_cidr: expected a network of /16 to /22 such as 10.64.0.0/16."
  }
}

variable "network" {
  description = "Your own network instead of a new one: its VPC, public subnets for the load balancer, and subnets with internet access for the relay, each in two zones or more. Set relay_public_addresses if that access is an internet gateway."
  type        = object({ vpc_id = string, balancer_subnet_ids = list(string), relay_subnet_ids = list(string), relay_public_addresses = optional(bool, false) })
  default     = null

  validation {
    condition     = var.network == null || try(startswith(var.network.vpc_id, "vpc-") && alltrue([for subnets in [var.network.balancer_subnet_ids, var.network.relay_subnet_ids] : length(distinct(subnets)) >= 2 && alltrue([for subnet in subnets : startswith(subnet, "subnet-")])]), false)
    error_message = "network: expected vpc_id vpc-…, and two or more of balancer_subnet_ids and of relay_subnet_ids subnet-…"
  }
}

variable "nat_gateways" {
  description = "With 1, or one for each zone, the relay's tasks have no public addresses and use NAT gateways with fixed ones; 0: they have public addresses, and only the load balancer can reach them."
  type        = number
  default     = 0

  validation {
    condition     = contains([0, 1, var.zone_count], var.nat_gateways)
    error_message = "nat_gateways: expected 0, 1, or as many as zone_count."
  }
  validation {
    condition     = var.nat_gateways == 0 || var.network == null
    error_message = "nat_gateways: expected 0 with a network of your own."
  }
}

variable "private_endpoints" {
  description = "With nat_gateways: the relay's traffic to AWS uses endpoints in the VPC instead of the NAT gateways. Each costs by the hour and zone."
  type        = bool
  default     = false

  validation {
    condition     = !var.private_endpoints || var.nat_gateways > 0
    error_message = "private_endpoints: expected together with nat_gateways."
  }
}

variable "zone_count" {
  description = "Availability zones to spread over."
  type        = number
  default     = 2

  validation {
    condition     = contains([2, 3], var.zone_count)
    error_message = "zone_count: expected 2 or 3."
  }
}

# --- Relay --------------------------------------------------------------------------------------------------------

variable "relay_image_tag" {
  description = "Tag of the relay's image in the repository that this module creates; make deploy-aws derives it from the content."
  type        = string
  default     = "none"

  validation {
    condition     = can(regex("^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$", var.relay_image_tag)) && var.relay_image_tag != "latest"
    error_message = "relay_image_tag: expected a tag that names one content, so not latest."
  }
}

variable "codebuild" {
  description = "Create the CodeBuild project that builds the relay's image on AWS, without a local Docker; ENGINE=codebuild sets it."
  type        = bool
  default     = false
}

variable "architecture" {
  description = "x86_64, or arm64, which costs a fifth less and must be built on an arm64 machine or with emulation."
  type        = string
  default     = "x86_64"

  validation {
    condition     = contains(["x86_64", "arm64"], var.architecture)
    error_message = "architecture: expected x86_64 or arm64."
  }
}

variable "relay_cpu" {
  description = "CPU units of a relay task; 1024 is one vCPU. The relay is one process, so more than 1024 does not help."
  type        = number
  default     = 512

  validation {
    condition     = contains([256, 512, 1024], var.relay_cpu)
    error_message = "relay_cpu: expected 256, 512 or 1024."
  }
}

variable "relay_memory" {
  description = "Memory of a relay task, MiB."
  type        = number
  default     = 1024

  validation {
    # Fargate's table: other pairs are refused only when the service starts its first task.
    condition = contains(
      {
        "256"  = [512, 1024, 2048]
        "512"  = [1024, 2048, 3072, 4096]
        "1024" = [2048, 3072, 4096, 5120, 6144, 7168, 8192]
      }[tostring(var.relay_cpu)],
      var.relay_memory,
    )
    error_message = "relay_memory: expected what Fargate has for relay_cpu: 512, 1024 or 2048 with 256; 1024 to 4096 with 512; 2048 to 8192 with 1024."
  }
}

variable "relay_max_calls" {
  description = "The most calls of one task; 0 means 100 for each vCPU, which it carries with CPU to spare."
  type        = number
  default     = 0

  validation {
    condition     = var.relay_max_calls == 0 || (var.relay_max_calls >= 2 && var.relay_max_calls <= var.relay_cpu * 300 / 1024)
    error_message = "relay_max_calls: expected 0, or 2 to 300 for each vCPU of relay_cpu."
  }
}

variable "relay_min_tasks" {
  description = "Relay tasks that always run; two, so that one zone may fail."
  type        = number
  default     = 2

  validation {
    condition     = var.relay_min_tasks >= 1 && floor(var.relay_min_tasks) == var.relay_min_tasks
    error_message = "relay_min_tasks: expected a whole number from 1."
  }
}

variable "relay_max_tasks" {
  description = "The most relay tasks; limits the bill."
  type        = number
  default     = 10

  validation {
    condition     = var.relay_max_tasks >= var.relay_min_tasks && floor(var.relay_max_tasks) == var.relay_max_tasks
    error_message = "relay_max_tasks: expected a whole number, relay_min_tasks or more."
  }
}

variable "scale_out_percent" {
  description = "Relay tasks are added while they are this full of calls on average, percent. What is left must do until a new task runs, in about two minutes."
  type        = number
  default     = 50

  validation {
    condition     = var.scale_out_percent >= 20 && var.scale_out_percent <= 90
    error_message = "scale_out_percent: expected 20 to 90."
  }
}

variable "relay_schedule" {
  description = "The fewest relay tasks, from certain times on: name = schedule (EventBridge's cron(…) or at(…)), timezone, min_tasks. A second entry lowers the number again."
  type        = map(object({ schedule = string, min_tasks = number, timezone = optional(string, "Asia/Kolkata") }))
  default     = {}

  validation {
    condition     = alltrue([for entry in values(var.relay_schedule) : can(regex("^(cron|at|rate)\\(.+\\)$", entry.schedule)) && entry.min_tasks >= 1])
    error_message = "relay_schedule: expected entries such as { morning = { schedule = \"cron(45 8 ? * MON-SAT *)\", min_tasks = 4 } }."
  }
}

variable "access_logs" {
  description = "Keep the load balancer's access logs in the bucket under access-logs/. They contain the request path with the media token."
  type        = bool
  default     = false
}

# --- Functions ----------------------------------------------------------------------------------------------------

variable "package_directory" {
  description = "Folder with the functions' packages that make package writes."
  type        = string
  default     = "../../../build"
}

variable "webhook_reserved_concurrency" {
  description = "Concurrency reserved for the webhook function, which is also its limit; -1 for none. Accounts start with 10, and AWS does not allow the last 10 to be reserved: ask for more first."
  type        = number
  default     = -1

  validation {
    condition     = var.webhook_reserved_concurrency == -1 || var.webhook_reserved_concurrency >= 1
    error_message = "webhook_reserved_concurrency: expected -1 or a number from 1."
  }
}

variable "transfer_reserved_concurrency" {
  description = "As webhook_reserved_concurrency, for the transfer function."
  type        = number
  default     = -1

  validation {
    condition     = var.transfer_reserved_concurrency == -1 || var.transfer_reserved_concurrency >= 1
    error_message = "transfer_reserved_concurrency: expected -1 or a number from 1."
  }
}

variable "api_rate_limit" {
  description = "Requests per second that each route of the functions' API accepts; bursts of twice as many."
  type        = number
  default     = 100

  validation {
    condition     = var.api_rate_limit >= 1 && var.api_rate_limit <= 5000
    error_message = "api_rate_limit: expected 1 to 5000."
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

# --- Keeping and seeing -------------------------------------------------------------------------------------------

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
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827], var.log_retention_days)
    error_message = "log_retention_days: expected one of CloudWatch's values: 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096 or 1827."
  }
}

variable "alarm_email" {
  description = "Who gets the alarms; AWS sends a mail to confirm. Empty: subscribe to the topic by other means."
  type        = string
  default     = ""

  validation {
    condition     = can(regex("^([^@\\s]+@[^@\\s]+\\.[^@\\s]+)?$", var.alarm_email))
    error_message = "alarm_email: expected an e-mail address."
  }
}

variable "monthly_budget_usd" {
  description = "Monthly budget of the account, in US dollars: an alarm at 80 % spent, or 100 % forecast. 0: no alarm."
  type        = number
  default     = 0

  validation {
    condition     = var.monthly_budget_usd >= 0
    error_message = "monthly_budget_usd: expected 0 or more."
  }
}

variable "origin_secret_version" {
  description = "Raise by one to renew the header by which the load balancer recognises CloudFront. The old value stays valid until you raise it again. Not used with a domain."
  type        = number
  default     = 2

  validation {
    condition     = var.origin_secret_version >= 2 && floor(var.origin_secret_version) == var.origin_secret_version
    error_message = "origin_secret_version: expected a whole number from 2."
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
      "api-5xx",
      "calls-refused",
      "conversations-unverified",
      "agents-refused",
      "events-undelivered",
      "exotel-refused",
      "few-healthy-tasks",
      "log-lines-dropped",
      "near-capacity",
      "relay-5xx",
      "relay-cpu",
      "sweep-failures",
      "transfer-errors",
      "transfer-throttled",
      "transfers-missed",
      "webhook-errors",
      "webhook-throttled",
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

# ── Where ─────────────────────────────────────────────────────────────────────────────────────────────────────────

variable "project" {
  description = "Id of the Google Cloud project that everything is created in."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project))
    error_message = "project is the project's id (6 to 30 lower-case letters, digits and hyphens), not its display name or number."
  }
}

variable "region" {
  description = "Region of the relay, the functions and the records."
  type        = string
  default     = "asia-south1"

  validation {
    condition     = can(regex("^[a-z]+-[a-z]+[0-9]+$", var.region))
    error_message = "region looks like asia-south1, without a zone's letter."
  }
}

variable "name" {
  description = "Prefix of every resource's name; two deployments in one project need two names."
  type        = string
  default     = "voicebridge"

  validation {
    # A service account's id holds 30 characters and takes "-scheduler" behind the name.
    condition     = can(regex("^[a-z][a-z0-9-]{1,16}[a-z0-9]$", var.name))
    error_message = "name has 3 to 18 lower-case letters, digits and hyphens, begins with a letter and does not end with a hyphen."
  }
}

variable "labels" {
  description = "Labels put on everything that can carry them."
  type        = map(string)
  default     = {}
}

# ── What is deployed ──────────────────────────────────────────────────────────────────────────────────────────────

variable "image" {
  description = "The relay's image with its tag or digest; `make deploy-gcp` builds it and fills this in."
  type        = string

  validation {
    condition     = can(regex("[:@]", var.image)) && !endswith(var.image, ":latest")
    error_message = "image needs a tag or digest other than latest: a revision must always start the same code."
  }
}

variable "packages_dir" {
  description = "Folder with webhook-gcp.zip and transfer-gcp.zip, as `make package` writes them."
  type        = string
  default     = "../../../build"
}

# ── Agent ─────────────────────────────────────────────────────────────────────────────────────────────────────────

variable "elevenlabs_agent_id" {
  description = "The ElevenLabs agent that answers."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9_-]+$", var.elevenlabs_agent_id))
    error_message = "elevenlabs_agent_id is the id from the agent's page, such as agent_01abc."
  }
}

variable "elevenlabs_api_key" {
  description = "ElevenLabs API key: signed URLs for private agents, and fetching what a lost webhook left out."
  type        = string
  sensitive   = true

  validation {
    condition     = length(trimspace(var.elevenlabs_api_key)) >= 16
    error_message = "elevenlabs_api_key is missing or too short to be an API key."
  }
}

variable "elevenlabs_region" {
  description = "Where the ElevenLabs workspace lives: default, us, eu, india or singapore."
  type        = string
  default     = "default"

  validation {
    condition     = contains(["default", "us", "eu", "india", "singapore"], var.elevenlabs_region)
    error_message = "elevenlabs_region is default, us, eu, india or singapore."
  }
}

variable "elevenlabs_webhook_secret" {
  description = "Secret of the post-call webhook, several separated by commas while one is rotated. Empty until the webhook was made; until then transcripts come from the relay and the sweep."
  type        = string
  sensitive   = true
  default     = ""
}

variable "background_sound_file" {
  description = "Ambience under the call: `office` is built in; any other name must be in the image."
  type        = string
  default     = "office"
}

variable "background_sound_volume" {
  description = "Volume of the ambience, 0 to 1."
  type        = number
  default     = 0.3

  validation {
    condition     = var.background_sound_volume >= 0 && var.background_sound_volume <= 1
    error_message = "background_sound_volume is a number from 0 to 1."
  }
}

# ── Transfers and forwarding ──────────────────────────────────────────────────────────────────────────────────────

variable "transfer_targets" {
  description = "Who a call can be handed to: name → phone number in E.164, for instance { sales = \"+918047100001\" }."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for number in values(var.transfer_targets) : can(regex("^\\+[1-9][0-9]{7,14}$", number))])
    error_message = "Every number in transfer_targets is in E.164: + and 8 to 15 digits, such as +918047100001."
  }
}

variable "ticket_service_url" {
  description = "Where post-call webhooks are forwarded to as well; empty for nowhere."
  type        = string
  default     = ""

  validation {
    condition     = var.ticket_service_url == "" || startswith(var.ticket_service_url, "https://")
    error_message = "ticket_service_url begins with https://: transcripts do not travel in the clear."
  }
}

variable "fetch_audio" {
  description = "Whether the sweep stores each call's audio as audio/{call_sid}.mp3."
  type        = bool
  default     = false
}

# ── Keys of our own doors ─────────────────────────────────────────────────────────────────────────────────────────
# `make deploy-gcp` makes them once and reads them back from Secret Manager ever after.

variable "media_token" {
  description = "Token in the media socket's path; Exotel signs nothing, so this is what keeps strangers out."
  type        = string
  sensitive   = true

  validation {
    condition     = can(regex("^[A-Za-z0-9_-]{24,}$", var.media_token))
    error_message = "media_token has at least 24 letters, digits, hyphens or underscores, because it is part of a URL."
  }
}

variable "exotel_token" {
  description = "Token in the query of the Connect and Passthru URLs."
  type        = string
  sensitive   = true

  validation {
    condition     = can(regex("^[A-Za-z0-9_-]{24,}$", var.exotel_token))
    error_message = "exotel_token has at least 24 letters, digits, hyphens or underscores, because it is part of a URL."
  }
}

variable "control_token" {
  description = "Bearer token of the relay's /bg-sound."
  type        = string
  sensitive   = true

  validation {
    condition     = length(var.control_token) >= 24
    error_message = "control_token has at least 24 characters."
  }
}

variable "events_secret" {
  description = "Key that the relay signs its events with."
  type        = string
  sensitive   = true

  validation {
    condition     = length(var.events_secret) >= 24
    error_message = "events_secret has at least 24 characters."
  }
}

# ── Size ──────────────────────────────────────────────────────────────────────────────────────────────────────────

variable "max_calls" {
  description = "Calls one relay instance carries at once; also its Cloud Run concurrency."
  type        = number
  default     = 100

  validation {
    # 1,000 is the most requests Cloud Run sends to one instance.
    condition     = var.max_calls >= 1 && var.max_calls <= 1000 && floor(var.max_calls) == var.max_calls
    error_message = "max_calls is a whole number from 1 to 1000."
  }
}

variable "relay_cpu" {
  description = "CPUs of a relay instance. One process uses one of them; less than 1 is refused by Cloud Run when calls share an instance."
  type        = number
  default     = 1

  validation {
    condition     = contains([1, 2, 4], var.relay_cpu)
    error_message = "relay_cpu is 1, 2 or 4."
  }
}

variable "relay_memory" {
  description = "Memory of a relay instance, in MiB."
  type        = number
  default     = 1024

  validation {
    condition     = var.relay_memory >= 512 && var.relay_memory <= 8192
    error_message = "relay_memory is from 512 (the least of a second-generation instance) to 8192."
  }
}

variable "min_relays" {
  description = "Relay instances that are always on. A caller does not wait for a cold start, so at least one."
  type        = number
  default     = 1

  validation {
    condition     = var.min_relays >= 1
    error_message = "min_relays is at least 1: with none the first caller hears a container start."
  }
}

variable "max_relays" {
  description = "Relay instances at most; max_relays × max_calls is the number of calls that can run at once."
  type        = number
  default     = 4

  validation {
    condition     = var.max_relays >= var.min_relays
    error_message = "max_relays is not less than min_relays."
  }
}

variable "transfer_min_instances" {
  description = "Instances of the transfer function that are always on. Exotel waits only seconds for its answer; with 0 a cold start is part of them."
  type        = number
  default     = 1
}

variable "function_max_instances" {
  description = "Instances of each function at most: a limit on cost and on what a flood can do."
  type        = number
  default     = 10
}

variable "log_level" {
  description = "DEBUG, INFO, WARNING or ERROR."
  type        = string
  default     = "INFO"

  validation {
    condition     = contains(["DEBUG", "INFO", "WARNING", "ERROR"], var.log_level)
    error_message = "log_level is DEBUG, INFO, WARNING or ERROR."
  }
}

# ── Records ───────────────────────────────────────────────────────────────────────────────────────────────────────

variable "retention_days" {
  description = "Days after which a call's record, events and audio are deleted."
  type        = number
  default     = 365

  validation {
    condition     = var.retention_days >= 1
    error_message = "retention_days is at least 1."
  }
}

variable "delete_records" {
  description = "Whether `destroy` may delete a bucket that still holds records."
  type        = bool
  default     = false
}

# ── Name and watch ────────────────────────────────────────────────────────────────────────────────────────────────

variable "domain" {
  description = "Host name of your own for the relay, such as calls.example.in; empty for Cloud Run's own. Puts a load balancer with a managed certificate in front."
  type        = string
  default     = ""

  validation {
    condition     = var.domain == "" || can(regex("^([a-z0-9]([a-z0-9-]*[a-z0-9])?\\.)+[a-z]{2,}$", var.domain))
    error_message = "domain is a bare host name such as calls.example.in, without https:// or a path."
  }
}

variable "dns_zone" {
  description = "Name of the Cloud DNS zone (in this project) that holds `domain`; empty when the address record is made elsewhere."
  type        = string
  default     = ""
}

variable "alarm_email" {
  description = "Who is told when something is wrong; empty for nobody (the alerts are still listed in the console)."
  type        = string
  default     = ""

  validation {
    condition     = var.alarm_email == "" || can(regex("^[^@\\s]+@[^@\\s]+$", var.alarm_email))
    error_message = "alarm_email is an e-mail address."
  }
}

variable "tags" {
  description = "Tags for every resource."
  type        = map(string)
  default     = {}
}

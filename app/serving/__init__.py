"""What all our HTTP processes share: bounded connections, security headers and trusted proxies."""

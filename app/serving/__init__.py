"""What every HTTP process of ours has: bounded connections, security headers and trusted proxies."""

"""The cache's file: answers that outlive the process, written behind the requests' backs."""

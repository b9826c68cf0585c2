"""`/app/traces`: what somebody who has logged in sees of their traces, finds among them and deletes."""

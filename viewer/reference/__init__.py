"""The reference: `/docs` for people, `/openapi.json` for programs, made of the definitions that the code follows."""

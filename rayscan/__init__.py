"""Which signal could a trained classifier see in my events, and what would I exclude?"""
